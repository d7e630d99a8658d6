"""Mirror of a study or storage behind an address such as s3://bucket/results, as a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from data_prep.errors import InputError, in_one_line
from data_prep.storage.remote import AT_ONCE
from search.study.layout import LOOKED_AT


class Mirror:
    """Keeps `folder` like what lies below `path` of `filesystem`, as far as the page reads it.

    Only files that are new or changed are fetched, whole; those that are gone there go here, too. Nothing
    is ever written there.
    """

    def __init__(self, filesystem: FileSystem, path: str, folder: Path) -> None:
        self._filesystem, self._path, self.folder = filesystem, path.rstrip("/"), folder
        self._fetched: dict[str, tuple[int | None, int | None]] = {}

    def update(self) -> None:
        """Fetches what has changed; raises InputError where the storage cannot be reached."""
        try:
            there = {self._name(info): info for info in self._listed()}
            changed = [name for name, info in there.items() if self._fetched.get(name) != _stamp(info)]
            with ThreadPoolExecutor(AT_ONCE) as pool:  # a study is thousands of small files
                list(pool.map(lambda name: self._fetch(name, there[name]), changed))
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be read ({in_one_line(error)}); check address and credentials"
            ) from None
        for name in set(self._fetched) - set(there):
            (self.folder / name).unlink(missing_ok=True)
            del self._fetched[name]

    def _listed(self) -> Iterator[FileInfo]:
        selector = FileSelector(self._path, recursive=True, allow_not_found=True)
        for info in self._filesystem.get_file_info(selector):
            name = self._name(info)
            if info.type == FileType.File and LOOKED_AT.fullmatch(name):
                yield info

    def _name(self, info: FileInfo) -> str:
        return str(info.path).removeprefix(self._path).lstrip("/")

    def _fetch(self, name: str, info: FileInfo) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            with self._filesystem.open_input_stream(info.path) as stream:
                part.write_bytes(stream.read())
        except FileNotFoundError:  # gone since it was listed
            return
        if info.mtime_ns is not None:
            os.utime(part, ns=(info.mtime_ns, info.mtime_ns))  # when a trial ended
        part.replace(target)  # whole or not at all, for whoever reads meanwhile
        self._fetched[name] = _stamp(info)


def _stamp(info: FileInfo) -> tuple[int | None, int | None]:
    return info.mtime_ns, info.size
