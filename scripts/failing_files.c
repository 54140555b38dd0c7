/* Fails a file operation of a program: a library for LD_PRELOAD, built and used by scripts/fail_file_operations.py.
 *
 * Operations on files below $FAIL_FOLDER are numbered from 1 on: open, write, fsync, fdatasync, rename, ftruncate, mkdir, unlink.
 * $FAIL_AT is the number of the one that fails, $FAIL_HOW is how:
 *   once     with ENOSPC
 *   forever  with ENOSPC, it and all that follow
 *   half     with ENOSPC; a write of several bytes writes the first half and the next write fails
 *   eio      with EIO
 * Only the command $FAIL_COMMAND counts (the program's first argument, `train` or `sweep`), if it is set. With $FAIL_LOG every
 * operation is added to that file as a line.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { ONCE, FOREVER, HALF, INPUT_OUTPUT };

static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static long fail_at, count;
static enum how how;
static int log_fd = -1;
/* The file whose next write fails, after half a write. */
static int half_written = -1;

static __typeof__(write) *real_write;
static __typeof__(open) *real_open;

static void prepare(void) {
    real_write = (__typeof__(write) *)dlsym(RTLD_NEXT, "write");
    real_open = (__typeof__(open) *)dlsym(RTLD_NEXT, "open");
    const char *command = getenv("FAIL_COMMAND"), *word = getenv("FAIL_HOW"), *log = getenv("FAIL_LOG");
    if (command) {
        char line[4096] = {0};
        int fd = real_open("/proc/self/cmdline", O_RDONLY);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
        if (fd >= 0) close(fd);
        size_t first = strlen(line) + 1;
        if ((ssize_t)first >= length || strcmp(line + first, command) != 0) return;
    }
    fail_at = getenv("FAIL_AT") ? atol(getenv("FAIL_AT")) : 0;
    how = !word ? ONCE : !strcmp(word, "forever") ? FOREVER : !strcmp(word, "half") ? HALF : !strcmp(word, "eio") ? INPUT_OUTPUT : ONCE;
    if (log) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    folder = getenv("FAIL_FOLDER");
}

static int below(const char *path) {
    char whole[PATH_MAX], here[PATH_MAX];
    pthread_once(&prepared, prepare);
    if (!folder || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(here, sizeof here) || snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole) return 0;
        path = whole;
    }
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || path[length] == 0);
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    pthread_once(&prepared, prepare);
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Counts an operation; whether it fails, with errno set. */
static int fails(const char *name, const char *what, int *half) {
    pthread_mutex_lock(&counting);
    long number = ++count;
    pthread_mutex_unlock(&counting);
    if (log_fd >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%ld %s %s\n", number, name, what);
        real_write(log_fd, line, (size_t)length);
    }
    if (fail_at == 0 || (how == FOREVER ? number < fail_at : number != fail_at)) return 0;
    if (how == HALF && half) {
        *half = 1;
        return 0;
    }
    errno = how == INPUT_OUTPUT ? EIO : ENOSPC;
    return 1;
}

static const char *name_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

/* The C library's function of this name. */
#define REAL(function) \
    static __typeof__(function) *real; \
    if (!real) real = (__typeof__(function) *)dlsym(RTLD_NEXT, #function)

#define OPEN(function) \
    int function(const char *path, int flags, ...) { \
        REAL(function); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (below(path) && fails("open", path, NULL)) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(function) \
    int function(int at, const char *path, int flags, ...) { \
        REAL(function); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (at == AT_FDCWD && below(path) && fails("open", path, NULL)) return -1; \
        return real(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    int half = 0;
    if (fd_below(fd)) {
        if (half_written == fd) {
            half_written = -1;
            errno = ENOSPC;
            return -1;
        }
        if (fails("write", name_of(fd, path), length > 1 ? &half : NULL)) return -1;
        if (half) {
            half_written = fd;
            length /= 2;
        }
    }
    return real_write(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(writev);
    char path[PATH_MAX];
    if (fd_below(fd) && fails("write", name_of(fd, path), NULL)) return -1;
    return real(fd, parts, number);
}

#define ON_FD(function) \
    int function(int fd) { \
        REAL(function); \
        char path[PATH_MAX]; \
        if (fd_below(fd) && fails(#function, name_of(fd, path), NULL)) return -1; \
        return real(fd); \
    }
ON_FD(fsync)
ON_FD(fdatasync)

#define TRUNCATE(function, type) \
    int function(int fd, type length) { \
        REAL(function); \
        char path[PATH_MAX]; \
        if (fd_below(fd) && fails("ftruncate", name_of(fd, path), NULL)) return -1; \
        return real(fd, length); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    REAL(rename);
    if (below(to) && fails("rename", to, NULL)) return -1;
    return real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (below(path) && fails("mkdir", path, NULL)) return -1;
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    if (below(path) && fails("unlink", path, NULL)) return -1;
    return real(path);
}
