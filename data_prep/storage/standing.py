"""Folders that must stand while they are written to: a storage that fills or goes away is waited for.

Where a storage was unmounted its bare mount point is left, and what is written there is lost. So a folder
under watch has a mark, which was seen in it, without which nothing is written below it.
"""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data_prep.errors import InputError, StorageError

POLL_S = 2.0
FSTAB = Path("/etc/fstab")  # the table of what is to be mounted where
_NAMES = ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "EROFS", "ENODEV", "ENXIO", "ENOTCONN", "EHOSTDOWN")
_TROUBLE = {getattr(errno, name) for name in _NAMES if hasattr(errno, name)}
Value = TypeVar("Value")
Say = Callable[[str], None]


class GoneError(OSError):
    """A folder that was there and is gone, or another one in its place."""


@dataclass
class _Watch:
    folder: Path
    mark: Path
    wait_s: float
    say: Say
    was_there: bool = False

    def do(self, path: Path, work: Callable[[], Value], verb: str) -> Value:
        """Returns what `work` does, as soon as the storage lets it."""
        until: float | None = None
        while True:
            try:
                self._require_there()
                done = work()
                self.was_there |= self.mark.exists()
                return done
            except (OSError, StorageError) as error:
                if error.errno not in _TROUBLE and not self._is_gone():
                    raise
                reason = f"{path} cannot be {verb} ({error.strerror})"
                # only the main thread, which keeps a result meanwhile: what others write is left out
                waits = self.wait_s and threading.current_thread() is threading.main_thread()
                if until is None:
                    until = time.monotonic() + (self.wait_s if waits else 0)
                    if waits:
                        self.say(f"{reason}; the search pauses until it can, at most {self.wait_s:,.0f} s")
                if time.monotonic() >= until:
                    raise InputError(f"{reason}; {self._way_out()}") from error
                time.sleep(min(POLL_S, self.wait_s))

    def _require_there(self) -> None:
        if self._is_gone():
            said = f"the folder {self.folder} is gone, or another one has taken its place"
            raise GoneError(errno.ENOENT, said, str(self.folder))
        self.was_there |= self.mark.exists()

    def _is_gone(self) -> bool:
        return self.was_there and not self.mark.exists()

    def _way_out(self) -> str:
        again = (
            "make room, or bring the storage back, and run the same command again, which trains only what is "
            "missing"
        )
        return again if self.wait_s else f"{again}; with --wait-for-storage 30m it waits for that by itself"


_watches: list[_Watch] = []


@contextmanager
def watched(folder: Path, mark: Path, wait_s: float, say: Say) -> Iterator[None]:
    """Watches over `folder`, to which nothing is written without `mark`, once that was seen.

    Whoever writes below it waits so many seconds where there is no room or no storage, and `say` hears why.
    """
    watch = _Watch(folder.absolute(), mark, wait_s, say)
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.remove(watch)


def standing(path: Path, work: Callable[[], Value], verb: str = "written") -> Value:
    """Returns what `work` does, by which `path` is "written", or by another `verb`.

    Raises InputError where a watched storage does not let it; where nobody watches, OSError as it is.
    """
    watch = _watch_over(path)
    return watch.do(path, work, verb) if watch else work()


def require(path: Path, check: Callable[[Path], None]) -> None:
    """Waits until `check` raises nothing against what is written below `path`, as `standing` does."""
    standing(path, lambda: check(path))


def require_standing(path: Path) -> None:
    """Waits until `path` can be read, as `standing` does: else what is away would be taken for missing."""
    standing(path, lambda: None, "read")


def mark_of(path: Path) -> Path | None:
    """Returns what must be there before `path` is written, None where nobody watches or it was not seen."""
    watch = _watch_over(path)
    return watch.mark if watch and watch.was_there else None


def _watch_over(path: Path) -> _Watch | None:
    whole = path.absolute()
    return next((each for each in _watches if whole.is_relative_to(each.folder)), None)


def require_mounted(path: Path) -> None:
    """Raises OSError where `path` lies below a mount point that the system mounts by itself, and now has not.

    A study that begins has been seen nowhere yet, so this alone tells a bare mount point from its folder.
    """
    whole = path.resolve()
    for point in _mount_points():
        if whole.is_relative_to(point) and not point.is_mount():
            raise OSError(errno.ENODEV, f"{point}, a mount point of {FSTAB}, is not mounted")


def _mount_points() -> Iterator[Path]:
    try:
        rows = [line.split() for line in FSTAB.read_text(errors="replace").splitlines()]
    except OSError:
        return
    for row in rows:
        # swap has none, and what the user mounts by hand may be away for good
        if len(row) > 3 and row[1].startswith("/") and "noauto" not in row[3].split(","):
            yield Path(row[1].replace("\\040", " "))


def require_disk_space(path: Path, wanted: int, what: str) -> None:
    """Raises InputError where the disk of `path` has too little room; the folder need not be there yet."""
    free = _free_bytes(path)
    if free < wanted:
        raise InputError(
            f"{what} take about {_mib(wanted)}, the disk of {path} has {_mib(free)} free; make room, or name "
            "a folder on another disk"
        )


def _free_bytes(path: Path) -> float:
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"
