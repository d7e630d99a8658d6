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
    _scanned_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._reader = SnapshotReader(self.folder, storage=self.storage)

    def read(self) -> Snapshot:
        """Returns what lies in the folder now; a damaged file is named in `unread`.

        Raises InputError where there is no study.
        """
        with self._lock:  # each tab of each reader is a thread of its own; one of them looks
            if self._last is None or time.monotonic() - self._scanned_at >= self.scan_s:
                self._last = self._reader.without_live()
                self._scanned_at = time.monotonic()
            return with_live(self._last)
