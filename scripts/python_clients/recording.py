"""Digests of everything that a client sees, in segments, so that two runs can be compared and a difference found."""

import enum
import hashlib
import json
from typing import IO, Any

import numpy as np


class Recorder:
    """Takes values and writes one line of JSON for each segment: its name, number of entries and SHA-256 digest.

    Types count, not only values: 1 differs from 1.0, and an int64 array from an int32 array. In the segment `traced`
    every entry has a line too.
    """

    def __init__(self, out: IO[str], traced: str | None = None) -> None:
        self.out, self.traced = out, traced
        self.name: str | None = None

    def segment(self, name: str) -> None:
        """Begins a segment, and ends the one before."""
        self.end()
        self.name, self.count, self.digest = name, 0, hashlib.sha256()

    def end(self) -> None:
        """Ends the last segment."""
        if self.name is not None:
            self._write({"segment": self.name, "entries": self.count, "digest": self.digest.hexdigest()[:16]})
        self.name = None

    def add(self, label: str, value: Any) -> None:
        """Adds a value to the segment. `label` says in a trace what it is."""
        self.count += 1
        feed(self.digest, value)
        if self.name == self.traced:
            self._write(
                {"entry": f"{self.count}: {label}", "value": shown(value), "digest": self.digest.hexdigest()[:16]}
            )

    def call(self, label: str, function: Any, *arguments: Any, text: bool = True) -> None:
        """Adds what a call returns, or the type of its exception, and the exception's text if `text` is set."""
        try:
            result = function(*arguments)
        except Exception as error:
            # After a colon this project's messages say what was found and what is possible.
            result = [type(error).__name__, str(error).partition(":")[0] if text else ""]
        self.add(label, result)

    def _write(self, line: dict[str, Any]) -> None:
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()


def feed(digest: Any, value: Any) -> None:
    """Adds a value to a digest: its type, then its contents. The order of a dictionary's keys has no meaning."""
    if isinstance(value, (np.ndarray, np.generic)):
        digest.update(f"{type(value).__name__} {value.dtype.str} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        digest.update(f"dict {len(value)}".encode())
        for key in sorted(value, key=str):
            feed(digest, key)
            feed(digest, value[key])
    elif isinstance(value, (list, tuple)):
        digest.update(f"{type(value).__name__} {len(value)}".encode())
        for part in value:
            feed(digest, part)
    elif isinstance(value, enum.Enum):
        digest.update(f"{type(value).__name__}.{value.name}".encode())
    elif isinstance(value, bytes):
        digest.update(f"bytes {len(value)}".encode() + value)
    elif value is None or isinstance(value, (bool, int, float, str)):
        digest.update(f"{type(value).__name__} {value!r}".encode())
    else:
        raise TypeError(f"a value of type {type(value).__name__} has no digest; convert it in the client")


def shown(value: Any) -> str:
    """A value in a line of a trace."""
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:8]
        return f"{value.dtype} {value.shape} {digest}" if value.size > 16 else f"{value.dtype} {value.tolist()}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(value[key])}" for key in sorted(value, key=str)) + "}"
    if isinstance(value, (list, tuple)) and len(value) <= 12:
        return f"{type(value).__name__}({', '.join(map(shown, value))})"
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) < 300 else text[:300] + "..."
