//! Names of files to be written: a suffix that promises another format than the option's is refused before any work.

use anyhow::{bail, ensure, Result};
use std::path::Path;

/// Standard output in place of a file.
const STANDARD_OUTPUT: &str = "-";

/// Suffixes of well-known formats, with their names. Others promise nothing: `result.v2` and `run.2026` are accepted.
const SUFFIXES: &[(&str, &[&str])] = &[
    ("film", &["mp4", "m4v", "avi", "mkv", "mov", "webm", "mpg", "mpeg", "wmv", "flv", "ogv", "y4m"]),
    ("GIF", &["gif"]),
    ("picture", &["png", "apng", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "ico", "ppm", "heic", "avif", "psd"]),
    ("SVG", &["svg", "svgz"]),
    ("sound", &["wav", "mp3", "ogg", "flac", "m4a", "mid"]),
    ("PDF or PostScript", &["pdf", "ps", "eps"]),
    ("HTML", &["html", "htm", "xhtml"]),
    ("document", &["md", "rst", "doc", "docx", "odt", "rtf", "tex", "ppt", "pptx", "epub", "ipynb"]),
    ("CSV", &["csv"]),
    ("table", &["tsv", "xls", "xlsx", "ods", "parquet", "feather", "arrow", "h5", "hdf5", "sqlite", "db"]),
    ("JSON", &["json"]),
    (
        "configuration or data",
        &["jsonl", "ndjson", "xml", "yaml", "yml", "toml", "ini", "npy", "npz", "pkl", "pickle", "mat"],
    ),
    ("archive", &["zip", "gz", "tgz", "bz2", "xz", "zst", "lz4", "7z", "rar", "tar", "br", "iso"]),
    ("network", &["safetensors", "pt", "pth", "onnx", "ckpt", "checkpoint", "tflite"]),
    ("cartridge", &["a26", "bin", "rom"]),
    ("program", &["exe", "dll", "so", "py", "rs", "sh", "js", "c", "cpp", "bat"]),
];

/// Suffixes of text of any form, which JSON and CSV are too.
const TEXT: [&str; 3] = ["txt", "text", "log"];

/// The suffix of a name in lower case.
fn suffix(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// The format that a suffix promises.
fn promised(suffix: &str) -> Option<&'static str> {
    let found = SUFFIXES.iter().find(|(_, suffixes)| suffixes.contains(&suffix));
    found.map(|(format, _)| *format).or_else(|| TEXT.contains(&suffix).then_some("text"))
}

/// Refuses a name for a file that `option` writes if it promises another format than `format`, whose suffixes are
/// `suffixes`, or cannot be a file's name. Without a suffix any format will do; `-` is standard output.
///
/// # Errors
/// When the suffix is of another format, or `path` is a folder or in none.
pub fn check_output(option: &str, path: &Path, format: &str, suffixes: &[&str]) -> Result<()> {
    let shown = path.display();
    if path.as_os_str() == STANDARD_OUTPUT {
        return Ok(());
    }
    let example = suffixes.first().copied().unwrap_or_default();
    ensure!(!path.as_os_str().is_empty(), "{option} is empty; give a file, e.g. {option} name.{example}");
    let own = |suffix: &str| suffixes.contains(&suffix) || (TEXT.contains(&suffix) && matches!(format, "JSON" | "CSV"));
    if let Some((other, suffix)) = suffix(path).and_then(|suffix| Some((promised(&suffix)?, suffix))) {
        if !own(&suffix) {
            let endings: Vec<String> = suffixes.iter().map(|suffix| format!(".{suffix}")).collect();
            bail!(
                "{option} {shown}: {option} writes {format}, and .{suffix} is a suffix of another format ({other}); the name \
                 must end with {}, e.g. {}",
                endings.join(" or "),
                path.with_extension(example).display()
            );
        }
    }
    let ends_as_folder = path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
    ensure!(
        !path.is_dir() && !ends_as_folder,
        "{option} {shown}: this is a folder; give a file in it, e.g. {}",
        path.join(format!("name.{example}")).display()
    );
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => {
            bail!("{option} {shown}: cannot create it, there is no folder {}; make one with mkdir -p", folder.display())
        }
        None => Ok(()),
    }
}

/// Refuses a name for a folder that `option` makes if it promises a file, or is one.
///
/// # Errors
/// When the suffix is of a format of files, or there is a file of this name.
pub fn check_output_folder(option: &str, path: &Path) -> Result<()> {
    let shown = path.display();
    ensure!(!path.as_os_str().is_empty(), "{option} is empty; give a folder");
    if let Some((other, suffix)) = suffix(path).and_then(|suffix| Some((promised(&suffix)?, suffix))) {
        // A folder that is there already is meant, whatever its name is.
        ensure!(
            path.is_dir(),
            "{option} {shown}: {option} names a folder for several files, and .{suffix} is a suffix of files ({other}); \
             give e.g. {}",
            path.with_extension("").display()
        );
    }
    ensure!(!path.exists() || path.is_dir(), "{option} {shown}: this is a file; give a folder");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, format: &str, suffixes: &[&str]) -> Option<String> {
        check_output("--out", Path::new(name), format, suffixes).err().map(|error| error.to_string())
    }

    #[test]
    fn a_suffix_of_another_format_is_refused_and_any_other_accepted() {
        for (_, suffixes) in SUFFIXES {
            for suffix in *suffixes {
                let taken = ["gif"].contains(suffix);
                assert_eq!(refusal(&format!("x.{suffix}"), "a GIF", &["gif"]).is_none(), taken, "{suffix}");
            }
        }
        for name in ["x", "x.GIF", "x.gif", "v1.2", "x.2026-01-01", "-", ".hidden"] {
            assert_eq!(refusal(name, "a GIF", &["gif"]), None, "{name}");
        }
        let message = refusal("x.MP4", "a GIF", &["gif"]).unwrap();
        assert!(message.contains("--out writes a GIF, and .mp4") && message.contains("e.g. x.gif"), "{message}");
        assert_eq!(refusal("x.txt", "JSON", &["json"]), None, "JSON is text");
        assert!(refusal("x.txt", "a GIF", &["gif"]).is_some());
        assert!(refusal("x.csv", "JSON", &["json"]).is_some());
        assert!(refusal("x.json", "CSV", &["csv"]).is_some());
    }

    #[test]
    fn what_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| refusal(&format!("{}/{name}", folder.path().display()), "HTML", &["html"]);
        assert_eq!(at("x.html"), None);
        assert!(at("").unwrap().contains("is a folder"));
        assert!(at("nowhere/").unwrap().contains("is a folder"));
        assert!(at("nowhere/x.html").unwrap().contains("there is no folder"));
        assert!(refusal("", "HTML", &["html"]).unwrap().contains("is empty"));
    }

    #[test]
    fn a_folder_is_not_called_like_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str| check_output_folder("--record", &folder.path().join(name));
        for name in ["games", "v1.2", "new/inner"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let message = check("games.mp4").unwrap_err().to_string();
        assert!(message.contains("names a folder") && message.contains(".mp4"), "{message}");
        std::fs::create_dir(folder.path().join("old.csv")).unwrap();
        assert!(check("old.csv").is_ok(), "it is there");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(check("file").unwrap_err().to_string().contains("this is a file"));
    }
}
