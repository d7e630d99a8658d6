"""Where the page reads: a study, or a storage of several, on this machine or behind an address."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.remote import is_address, open_address
from search.dashboard.mirror import Mirror
from search.dashboard.overview import is_study, studies_in
from search.dashboard.reading import StudyReader

STORAGE = Path("results")
FETCH_S = 5.0  # what lies behind an address is looked at again after so long


@dataclass
class Source:
    """What the page shows; one for all who look at it. `folder` is what was asked for, or its mirror."""

    name: str
    folder: Path
    mirror: Mirror | None = None
    _readers: dict[Path, StudyReader] = field(default_factory=dict)
    _fetched_at: float = -FETCH_S
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def studies(self) -> list[Path]:
        """Returns the folders of the studies that are there now; raises InputError where it cannot look."""
        self._fetch()
        return studies_in(self.folder)

    def reader(self, study: Path) -> StudyReader:
        """Returns the reader of the study in the folder `study`, the same for all."""
        self._fetch()
        return self._readers.setdefault(study, StudyReader(study))

    def _fetch(self) -> None:
        with self._lock:
            if self.mirror and time.monotonic() - self._fetched_at >= FETCH_S:
                self.mirror.update()
                self._fetched_at = time.monotonic()


def source_of(text: str, storage: Path = STORAGE) -> Source:
    """Returns the source that a user calls `text`: an address, a folder, or a study's name in `storage`.

    A folder need not be there yet. Raises InputError for an address that cannot be opened.
    """
    if is_address(text):
        filesystem, path = open_address(text)
        folder = Path(tempfile.mkdtemp(prefix="stagewise-dashboard-")) / Path(path).name
        return Source(name=text, folder=folder, mirror=Mirror(filesystem, path, folder))
    folder = Path(text)
    if not folder.exists() and is_study(storage / text):
        folder = storage / text
    return Source(name=text, folder=folder.absolute())
