#!/usr/bin/env bash
# Checks that `--features cuda` compiles, on a machine without a GPU and without the CUDA toolkit: the toolkit's compiler and
# headers come from Python wheels. Takes about 20 minutes on two cores, mostly for candle's kernels; target/cuda keeps the
# results. Pass `build` to compile and link everything, or other arguments for cargo, instead of `check`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ "${1-}" == -h || "${1-}" == --help ]]; then
    echo "usage: scripts/check-cuda.sh [CARGO-ARGUMENTS]    (default: check)    scripts/check-cuda.sh --setup-only"
    exit
fi

fail() {
    echo "error: $*" >&2
    exit 1
}

# The cudarc of candle 0.11 supports 13.0 and refuses 13.5.
wheels=(
    'nvidia-cuda-nvcc==13.0.*' 'nvidia-cuda-crt==13.0.*' 'nvidia-nvvm==13.0.*' 'nvidia-cuda-runtime==13.0.*'
    'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cuda-cccl==13.0.*' 'nvidia-cublas==13.0.*' 'nvidia-curand==10.4.*'
)
packages=$PWD/target/cuda/packages
toolkit=$PWD/target/cuda/toolkit
stamp=$packages/installed

if [[ "$(cat "$stamp" 2>/dev/null)" != "${wheels[*]}" ]]; then
    command -v python3 >/dev/null || fail "python3 is missing; it is needed to fetch the compiler's wheels"
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip module (on Debian: apt install python3-pip)"
    rm -rf "$packages"
    export PIP_ROOT_USER_ACTION=ignore
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --target "$packages" "${wheels[@]}" ||
        fail "pip could not fetch the wheels (its message is above)"
    echo "${wheels[*]}" >"$stamp"
fi

# The wheels unpack into one tree. Build scripts expect the layout of an installed toolkit, with lib64 and unversioned libraries.
tree=$packages/nvidia/cu13
[[ -x $tree/bin/nvcc ]] || fail "$tree/bin/nvcc is missing; have the wheels changed their layout?"
rm -rf "$toolkit"
mkdir -p "$toolkit/lib"
for folder in bin include nvvm; do
    ln -s "$tree/$folder" "$toolkit/$folder"
done
for library in "$tree"/lib/*; do
    name=$(basename "$library")
    ln -sf "$library" "$toolkit/lib/$name"
    if [[ $name == *.so.* ]]; then ln -sf "$library" "$toolkit/lib/${name%%.so.*}.so"; fi
done
ln -s lib "$toolkit/lib64"

# libcuda comes with a GPU's driver, not with the toolkit. A stub library with all its function names is enough for linking.
if ! ldconfig -p | grep -q 'libcuda\.so\.1 '; then
    grep -oE '\bcu[A-Z][A-Za-z0-9_]*' "$toolkit/include/cuda.h" | sort -u |
        sed 's/.*/void &(void) { __builtin_trap(); }/' >"$toolkit/libcuda.c"
    cc -w -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$toolkit/lib/libcuda.so" "$toolkit/libcuda.c"
fi

export CUDA_HOME=$toolkit CUDA_PATH=$toolkit CUDA_ROOT=$toolkit CUDA_TOOLKIT_ROOT_DIR=$toolkit
# Without a GPU its architecture must be given: 80 (A100) also runs on newer ones.
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP-80}
export PATH=$toolkit/bin:$PATH
nvcc --version | tail -n 2

[[ "${1-}" == --setup-only ]] && exit
cargo "${@:-check}" --features cuda --target-dir target/cuda/build
