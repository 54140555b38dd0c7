"""Measures the rate of a function."""

import time


def rate(seconds, chunk, step):
    """Calls of `step` a second."""
    steps = 0
    begun = time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        for _ in range(chunk):
            step()
        steps += chunk
    return steps / elapsed
