"""Lease of a folder that several machines reach: one process has it, until it ends or shows no sign of life.

Whoever wants it writes a file of its own, and then looks who else has one: where another does it withdraws,
so that of two that begin at once at most one goes on. That needs a storage which lists what was written
before, as S3 (since 2020), Google's and NFS do, and no conditional write, which pyarrow's file systems do not
have. Ages are differences of times that the storage gave, so that no clock of a machine matters.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pyarrow.fs import FileInfo, FileSelector, FileType, LocalFileSystem

from data_prep.errors import InputError
from data_prep.storage.remote import address_of, open_address
from data_prep.storage.standing import GoneError, mark_of

PREFIX = ".lease-"
BEAT_S = 30.0
EXPIRES_S = 120.0  # after the last sign of life; a machine may be too busy for one
LOOK_S = 5.0  # between two looks at the others' files


class TakenError(Exception):
    """Another has the lease: `content` is what it wrote of itself, `silent_s` ago it was heard of."""

    def __init__(self, content: bytes, silent_s: float = 0.0) -> None:
        super().__init__("the lease is taken")
        self.content, self.silent_s = content, silent_s


@dataclass(frozen=True)
class Other:
    """Another process's file: its `name`, what it says, and how long ago it was written (seconds)."""

    name: str
    content: bytes
    silent_s: float


class Sign:
    """Sign of life of a process: a file that says its `content`, in a folder where others have theirs."""

    def __init__(self, folder: Path, content: bytes, prefix: str) -> None:
        self._place, address = folder, address_of(folder)
        self._files, self._folder = open_address(address) if address else (LocalFileSystem(), str(folder))
        self.name, self.content = f"{prefix}{secrets.token_hex(8)}.json", content
        self._writing = threading.Lock()

    def show(self) -> None:
        """Writes the file again; raises OSError."""
        self._require_storage()
        with self._writing, self._files.open_output_stream(self._path(self.name)) as file:
            file.write(self.content)

    def beat(self) -> None:
        """Shows a sign of life; raises TakenError where others took this process for dead, and OSError."""
        if not self.is_there():
            raise TakenError(b"")
        self.show()

    def is_there(self) -> bool:
        """Returns whether the file is there; raises OSError."""
        self._require_storage()
        return bool(self._info(self.name).type != FileType.NotFound)

    def remove(self, name: str | None = None) -> None:
        """Removes the file, or another's of that name."""
        with contextlib.suppress(OSError):  # gone already, or a storage that is gone
            self._files.delete_file(self._path(name or self.name))

    def others(self, *prefixes: str) -> list[Other]:
        """Returns the files of other processes whose names begin so; raises OSError."""
        self._require_storage()
        found = self._files.get_file_info(FileSelector(self._folder, allow_not_found=True))
        there = [
            info for info in found if info.base_name.startswith(prefixes) and info.base_name != self.name
        ]
        now = (self._info(self.name).mtime_ns or 0) if there else 0  # by the storage's clock
        read: list[Other] = []
        for info in there:
            with contextlib.suppress(FileNotFoundError):  # gone since the folder was listed
                silent_s = (now - (info.mtime_ns or 0)) / 1e9
                read.append(Other(info.base_name, self._read(info.base_name), silent_s))
        return read

    def again(self, other: Other) -> Other:
        """Returns what another's file says now; raises OSError."""
        return replace(other, content=self._read(other.name))

    def _require_storage(self) -> None:
        # nobody sees what is written into the mount point that is left
        if (mark := mark_of(self._place)) and not mark.exists():
            raise GoneError(errno.ENOENT, "the storage is away", str(self._place))

    def _read(self, name: str) -> bytes:
        with self._files.open_input_stream(self._path(name)) as file:
            return bytes(file.read())

    def _info(self, name: str) -> FileInfo:
        return self._files.get_file_info(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


class Lease(Sign):
    """Lease of a folder for a process that says `content` of itself.

    `is_over` tells of another's content whether that process is known to have ended.
    """

    def __init__(self, folder: Path, content: bytes, is_over: Callable[[bytes], bool]) -> None:
        super().__init__(folder, content, PREFIX)
        self._is_over = is_over

    def take(self) -> None:
        """Takes the lease, and removes what others left of theirs; raises TakenError, and OSError."""
        self.show()
        for other in self.others(PREFIX):
            if other.silent_s > EXPIRES_S or self._is_over(other.content):
                self.remove(other.name)
            else:
                self.remove()
                raise TakenError(other.content, other.silent_s)

    def beat(self) -> None:
        """Shows a sign of life; raises TakenError where another took the lease meanwhile, and OSError."""
        if not self.is_there():
            for other in self.others(PREFIX):
                if not self._is_over(other.content):
                    raise TakenError(other.content)
        self.show()


def take_from_the_dead(lease: Lease, waits: Callable[[TakenError], None]) -> None:
    """Takes the lease, once whoever has it gives no sign of life; raises TakenError at its next sign.

    A job that was killed and began on another machine goes on so. `waits` is called before the first wait.
    """
    before: TakenError | None = None
    while True:
        try:
            lease.take()
        except TakenError as error:
            if before is None:
                waits(error)
            elif error.content == before.content and error.silent_s < before.silent_s:
                raise
            before = error
        else:
            return
        time.sleep(LOOK_S)


@contextmanager
def living(sign: Sign, lost: Callable[[bytes], None], look: Callable[[], None]) -> Iterator[None]:
    """Shows signs of life from a thread, which also calls `look` every few seconds, and removes the sign.

    `lost` is called from it where others took this process for dead, with what another said of itself.
    """
    over = threading.Event()

    def show_life() -> None:
        heard = time.monotonic()
        while not over.wait(LOOK_S):
            # a storage that is away: others cannot take the lease there either
            with contextlib.suppress(OSError, InputError):
                if time.monotonic() - heard >= BEAT_S:
                    try:
                        sign.beat()
                    except TakenError as error:
                        lost(error.content)
                        return
                    heard = time.monotonic()
                look()

    thread = threading.Thread(target=show_life, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LOOK_S)  # else it might write the file again; a storage that hangs must not delay
        sign.remove()
