"""Reads safetensors files with numpy alone, and believes nothing that a file says of itself."""

import json
import math
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

# Longest file that is read, in bytes: the largest network that atari-dqn makes has about 150 MB.
LONGEST_FILE = 1 << 30
# Bytes before the header: its length, little-endian.
PREFIX = 8
MOST_DIMENSIONS = 8
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


def read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata of a file and its arrays by name.

    The arrays are read-only and share one copy of the file. Values are not looked at.

    Raises OSError if the file cannot be read; ValueError, which does not name it, if it is not a safetensors file of
    F32 and F64 arrays without gaps.
    """
    size = path.stat().st_size
    if size > LONGEST_FILE:
        raise ValueError(f"it has {size:,} bytes, and a trained network has {LONGEST_FILE:,} at most")
    data = path.read_bytes()
    header, begin = _header(data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("not a safetensors file: its metadata are not all text")
    arrays, ranges = {}, []
    for name, entry in header.items():
        dtype, shape, first, end = _entry(name, entry, len(data) - begin)
        ranges.append((first, end, name))
        arrays[name] = np.frombuffer(data, dtype, (end - first) // dtype.itemsize, begin + first).reshape(shape)
    _check_order(sorted(ranges), len(data) - begin)
    return metadata, arrays


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where the numbers begin."""
    length = int.from_bytes(data[:PREFIX], "little")
    if len(data) < PREFIX or length > len(data) - PREFIX:
        raise ValueError(
            f"not a safetensors file: a header of {length:,} bytes should follow the first {PREFIX} bytes, and the "
            f"file has {len(data):,} in all"
        )
    try:
        header = json.loads(data[PREFIX : PREFIX + length].decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file: its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise ValueError(f"not a safetensors file: its header is a JSON {type(header).__name__}, expected an object")
    return header, PREFIX + length


def _entry(name: str, entry: Any, room: int) -> tuple[np.dtype, list[int], int, int]:
    """dtype, shape and byte range of an array; `room` is the number of bytes after the header."""
    if not isinstance(entry, dict):
        raise ValueError(f"`{name}` has no dtype, shape and offsets in the header")
    dtype = _DTYPES.get(str(entry.get("dtype")))
    if dtype is None:
        raise ValueError(f"`{name}` is {entry.get('dtype')}, and networks of atari-dqn are F32, its tables F64")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _whole_numbers(offsets, 0, 2) or not _whole_numbers(shape, 1, MOST_DIMENSIONS):
        raise ValueError(
            f"`{name}` has the shape {shape} and the offsets {offsets}, expected 1 to {MOST_DIMENSIONS} sizes above 0 "
            "and two offsets"
        )
    if len(offsets) != 2:
        raise ValueError(f"`{name}` has the offsets {offsets}, expected two")
    first, end = offsets
    if not first <= end <= room:
        raise ValueError(f"`{name}` lies at bytes {first:,} to {end:,}, and {room:,} bytes follow the header")
    if end - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"`{name}` has the shape {shape} of {entry['dtype']}, which does not fill bytes {first:,} to {end:,}"
        )
    return dtype, shape, first, end


def _whole_numbers(values: Any, least: int, most_of_them: int) -> TypeGuard[list[int]]:
    fits = isinstance(values, list) and 1 <= len(values) <= most_of_them
    return fits and all(type(value) is int and value >= least for value in values)


def _check_order(ranges: list[tuple[int, int, str]], room: int) -> None:
    """Refuses arrays that overlap or leave gaps: the format has neither."""
    free, before = 0, "the header"
    for first, end, name in ranges:
        if first != free:
            fault = "overlaps" if first < free else "leaves a gap after"
            raise ValueError(f"not a safetensors file: `{name}` {fault} {before}")
        free, before = end, f"`{name}`"
    if free != room:
        raise ValueError(f"not a safetensors file: {room - free:,} bytes follow the last array")
