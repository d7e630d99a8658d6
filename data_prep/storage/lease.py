"""Lease of a folder that several machines reach: one process has it, until it ends or shows no sign of life.

Whoever wants it writes a file of its own, and then looks who else has one: where another does it withdraws,
so that of two that begin at once at most one goes on. That needs a storage which lists what was written
before, as S3 (since 2020), Google's and NFS do, and no conditional write, which pyarrow's file systems do not
have. Ages are differences of times that the storage gave, so that no clock of a machine matters.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow.fs import FileInfo, FileSelector, FileType, LocalFileSystem

from data_prep.storage.remote import address_of, open_address
from data_prep.storage.standing import mark_of

PREFIX = ".lease-"
BEAT_S = 30.0
EXPIRES_S = 120.0  # after the last sign of life; a machine may be too busy for one
LOOK_S = 5.0  # between two looks at another's lease


class TakenError(Exception):
    """Another has the lease: `content` is what it wrote of itself, `silent_s` ago it was heard of."""

    def __init__(self, content: bytes, silent_s: float = 0.0) -> None:
        super().__init__("the lease is taken")
        self.content, self.silent_s = content, silent_s


class Lease:
    """Lease of a folder for a process that says `content` of itself.

    `is_over` tells of another's content whether that process is known to have ended.
    """

    def __init__(self, folder: Path, content: bytes, is_over: Callable[[bytes], bool]) -> None:
        self._place, address = folder, address_of(folder)
        self._files, self._folder = open_address(address) if address else (LocalFileSystem(), str(folder))
        self._path = f"{self._folder}/{PREFIX}{secrets.token_hex(8)}.json"
        self._content, self._is_over = content, is_over

    def take(self) -> None:
        """Takes the lease, and removes what others left of theirs; raises TakenError, and OSError."""
        self._write()
        for other in self._others():
            content, silent_s = self._read(other), self._silent_s(other)
            if silent_s > EXPIRES_S or self._is_over(content):
                self._remove(other.path)
            else:
                self.release()
                raise TakenError(content, silent_s)

    def beat(self) -> None:
        """Shows a sign of life; raises TakenError where another took the lease meanwhile, and OSError."""
        if (mark := mark_of(self._place)) and not mark.exists():
            return  # the storage is away: others cannot take it there either
        if self._files.get_file_info(self._path).type == FileType.NotFound:
            for other in self._others():
                if not self._is_over(content := self._read(other)):
                    raise TakenError(content)
        self._write()

    def release(self) -> None:
        """Gives the lease back."""
        self._remove(self._path)

    def _write(self) -> None:
        with self._files.open_output_stream(self._path) as file:
            file.write(self._content)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(OSError):  # gone already, or a storage that is gone
            self._files.delete_file(path)

    def _read(self, other: FileInfo) -> bytes:
        try:
            with self._files.open_input_stream(other.path) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return b""

    def _others(self) -> list[FileInfo]:
        found = self._files.get_file_info(FileSelector(self._folder, allow_not_found=True))
        return [info for info in found if info.base_name.startswith(PREFIX) and info.path != self._path]

    def _silent_s(self, other: FileInfo) -> float:
        now = self._files.get_file_info(self._path).mtime_ns or 0  # by the storage's clock
        return (now - (other.mtime_ns or 0)) / 1e9


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
def leased(
    lease: Lease, lost: Callable[[bytes], None], waits: Callable[[TakenError], None]
) -> Iterator[None]:
    """Has the lease; calls `lost` from a thread where another took it, as this machine was not heard of.

    `waits` is as for `take_from_the_dead`, and what that raises is raised.
    """
    take_from_the_dead(lease, waits)
    over = threading.Event()

    def show_life() -> None:
        while not over.wait(BEAT_S):
            try:
                lease.beat()
            except TakenError as error:
                lost(error.content)
                return
            except OSError:  # a storage that is away: others cannot take it there either
                continue

    threading.Thread(target=show_life, name="lease", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        lease.release()
