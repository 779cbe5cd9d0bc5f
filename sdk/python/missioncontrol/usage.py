"""What this process uses of its machine, for heartbeats."""

from __future__ import annotations

import os
import time
from typing import Optional


class Meter:
    """Measures the process since the call before. One thread uses it."""

    def __init__(self) -> None:
        self._at, self._used = time.monotonic(), time.process_time()

    def cores(self) -> Optional[float]:
        """Returns how many cores the process has used since the call before; None right after it."""
        at, used = time.monotonic(), time.process_time()
        elapsed, spent = at - self._at, used - self._used
        if elapsed < 0.05:
            return None
        self._at, self._used = at, used
        return round(max(0.0, spent / elapsed), 3)


def memory_bytes() -> Optional[int]:
    """Returns the memory in use, where Linux says so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
