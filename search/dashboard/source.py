"""Source of the page: a study, or a storage of several, on this machine or behind an address."""

from __future__ import annotations

import atexit
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, open_address
from search.dashboard.mirror import Mirror
from search.dashboard.overview import is_study, studies_in
from search.dashboard.reading import StudyReader
from search.options.types import STORAGE

FETCH_S = 5.0  # what lies behind an address is looked at again after so long
SCAN_S = 1.0  # and a study's folder


@dataclass
class Source:
    """Source of what the page shows; one for all who look at it.

    `name` is what a user calls it, `places` the folders where it may lie, or the mirror's. `trouble` says
    why what lies behind an address could not be looked at just now; empty where it could.
    """

    name: str
    places: Sequence[Path]
    mirror: Mirror | None = None
    trouble: str = ""
    _readers: dict[Path, StudyReader] = field(default_factory=dict)
    _fetched_at: float | None = None
    _mirrored: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        """The first place that is a study, else the last of them: a study may be made later."""
        return next(filter(is_study, self.places), self.places[-1])

    @property
    def first_search(self) -> str:
        """The command that makes a study which this source then shows."""
        option = "--study" if "/" not in self.name else "--storage"  # a study's name has no slash
        words = [] if self.name == str(STORAGE) else [option, self.name]
        return shlex.join(["python", "-m", "search.run", "--stage", "lr", *words])

    def studies(self) -> list[Path]:
        """Returns the folders of the studies that are there now; raises InputError where it cannot look."""
        self._fetch()
        return studies_in(self.folder)

    def reader(self, study: Path) -> StudyReader:
        """Returns the reader of the study in the folder `study`, the same for all."""
        self._fetch()
        return self._readers.setdefault(study, StudyReader(study, self._storage_of(study), scan_s=SCAN_S))

    def _storage_of(self, study: Path) -> str:
        """Returns what --storage means the place of `study`."""
        if self.mirror is None:
            return str(study.parent)
        return self.name.rstrip("/").rpartition("/")[0] if study == self.folder else self.name

    def _fetch(self) -> None:
        """Brings the mirror up to date; keeps it where that fails, raises InputError where there is none."""
        if self.mirror is None or not self._lock.acquire(blocking=not self._mirrored):
            return  # another reader is at it, and there is something to show meanwhile
        try:
            if self._fetched_at is None or time.monotonic() - self._fetched_at >= FETCH_S:
                self._update(self.mirror)
            if not self._mirrored:
                raise InputError(self.trouble)
        finally:
            self._lock.release()

    def _update(self, mirror: Mirror) -> None:
        try:
            mirror.update()
            self._mirrored, self.trouble = True, ""
        except InputError as error:
            self.trouble = str(error)
        self._fetched_at = time.monotonic()


def source_of(text: str, storage: Path = STORAGE) -> Source:
    """Returns the source that a user calls `text`: an address, a study's name in `storage`, or a folder.

    Neither need be there yet. Raises InputError for an address that cannot be opened, and for a file.
    """
    if is_address(text):
        filesystem, path = open_address(text)
        here = Path(tempfile.mkdtemp(prefix="stagewise-dashboard-"))
        atexit.register(shutil.rmtree, here, ignore_errors=True)
        folder = here / Path(path).name
        return Source(text, [folder], Mirror(filesystem, path, folder))
    if Path(text).is_file():
        raise InputError(f"{text} is a file; give the folder of a study, or the one that holds studies")
    # a study of that name before a folder of that name; which of them is there is asked at each look
    return Source(text, [(storage / text).absolute(), Path(text).absolute()])
