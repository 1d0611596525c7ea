"""Waiting for what another process or thread will do."""

import time


def until(holds, seconds: float = 40) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)
