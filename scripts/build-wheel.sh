#!/usr/bin/env bash
# Builds the wheel of the Python package atari_emulator (emulator/python) into target/wheels, or into the folder named, and prints its
# path. Needs Python 3.10 or later with venv and pip, and the Rust toolchain; maturin is installed into target/maturin. One wheel serves
# all these versions of Python.
#
# `pip install ./emulator/python` does the same and installs it.
set -euo pipefail

if [[ "${1-}" == -h || "${1-}" == --help || $# -gt 1 ]]; then
    echo "usage: scripts/build-wheel.sh [FOLDER]    (default: target/wheels in the repository)"
    [[ $# -le 1 ]]
    exit
fi
folder=$(realpath -m "${1-$(dirname "$0")/../target/wheels}")
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

command -v cargo >/dev/null || fail "cargo is missing; the Rust toolchain is needed to build the wheel"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or later is needed, found $(python3 --version 2>&1)"
if ! target/maturin/bin/python -c 'import maturin' 2>/dev/null; then
    python3 -m venv --clear target/maturin >&2 || fail "python3 cannot make a virtual environment (on Debian: apt install python3-venv)"
    target/maturin/bin/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2' >&2 ||
        fail "pip could not install maturin (its message is above); is there a network connection?"
fi

mkdir -p "$folder"
rm -f "$folder"/atari_emulator-*.whl
CARGO_TARGET_DIR=$PWD/target/python PATH=$PWD/target/maturin/bin:$PATH \
    target/maturin/bin/python -m maturin build --release --quiet --locked --manifest-path emulator/python/Cargo.toml --out "$folder" >&2
echo "$folder"/atari_emulator-*.whl
