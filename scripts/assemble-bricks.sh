#!/usr/bin/env bash
# Assembles the built-in game, emulator/cartridges/bricks.asm, with dasm.
#
#   scripts/assemble-bricks.sh            writes emulator/cartridges/bricks.bin
#   scripts/assemble-bricks.sh OUTPUT     writes OUTPUT, e.g. to compare it with
#                                         the image in the repository
set -euo pipefail

if [ "$#" -gt 1 ]; then
    echo "usage: $0 [OUTPUT]" >&2
    exit 2
fi

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/../emulator/cartridges" && pwd)"
output="${1:-$folder/bricks.bin}"

if ! command -v dasm >/dev/null 2>&1; then
    echo "assemble-bricks: the assembler dasm is missing." >&2
    echo "On Debian or Ubuntu: apt-get install dasm" >&2
    echo "Elsewhere: https://dasm-assembler.github.io/" >&2
    exit 1
fi

# dasm writes output even if it then fails, so it writes to a temporary file:
# a good image is never replaced by a broken one.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if ! dasm "$folder/bricks.asm" -f3 "-o$work/bricks.bin" >"$work/log"; then
    cat "$work/log" >&2
    exit 1
fi
size="$(wc -c <"$work/bricks.bin")"
if [ "$size" -ne 4096 ]; then
    cat "$work/log" >&2
    echo "assemble-bricks: the image has $size bytes instead of 4096" >&2
    exit 1
fi
cp "$work/bricks.bin" "$output"
echo "wrote $output ($size bytes)"
