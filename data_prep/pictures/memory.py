"""Memory that all threads together may decode in: the large pictures wait for each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 2**30
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Budget:
    """A number of bytes that holders share; one that asks for more than all of it gets it alone."""

    def __init__(self, total: int) -> None:
        self._total, self._held = total, 0
        self._change = threading.Condition()

    @contextmanager
    def holding(self, amount: int) -> Iterator[None]:
        """Waits until `amount` bytes are free, and holds them."""
        amount = min(amount, self._total)
        with self._change:
            self._change.wait_for(lambda: self._held + amount <= self._total)
            self._held += amount
        try:
            yield
        finally:
            with self._change:
                self._held -= amount
                self._change.notify_all()


def memory_bytes() -> int:
    """Returns the memory that this process may have at most: the machine's, or its container's."""
    # Windows has no sysconf
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else MOST_BYTES
    return min([pages, *(limit for limit in map(_limit, _CGROUP_LIMITS) if limit)])


def _limit(file: str) -> int | None:
    try:
        text = Path(file).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max" where there is none


MEMORY = memory_bytes()
# two, taken in this order: whoever decodes never waits for one who reads
FILES, PIXELS = Budget(min(MOST_BYTES, MEMORY // 4)), Budget(min(MOST_BYTES, MEMORY // 4))
