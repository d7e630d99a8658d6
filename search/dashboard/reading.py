"""Reader of a study's folder, again and again while it changes, for all who look at it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from search.study.snapshot import Snapshot, SnapshotReader, with_live


@dataclass
class StudyReader:
    """Reader of the study in `folder`; may be asked by several threads.

    `storage` is as in Snapshot. The folder is not looked at again within `scan_s`, but for the live state.
    """

    folder: Path
    storage: str = ""
    scan_s: float = 0.0
    _last: Snapshot | None = None
    _shown: Snapshot | None = None
    _scanned_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._reader = SnapshotReader(self.folder, storage=self.storage)

    def read(self) -> Snapshot:
        """Returns what lies in the folder now, the same object while nothing changes; `unread` names damage.

        Raises InputError where there is no study.
        """
        with self._lock:  # each tab of each reader is a thread of its own; one of them looks
            if self._last is None or time.monotonic() - self._scanned_at >= self.scan_s:
                last, self._last = self._last, self._reader.without_live()
                self._shown = self._shown if self._last is last else None
                self._scanned_at = time.monotonic()
            now = with_live(self._last)
            if self._shown is None or (self._shown.live, self._shown.unread) != (now.live, now.unread):
                self._shown = now
            return self._shown
