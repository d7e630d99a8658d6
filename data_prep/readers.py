"""Readers of held-out data: which studies have read the test rows of a data set, kept beside the cache."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data_prep.digests import digest_of_values
from data_prep.errors import InputError
from data_prep.storage.json_files import Format, damaged, read_json, write_json
from data_prep.storage.remote import pull, push, shown

READING = Format(2, sealed_from=2, oldest=1)
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reading of held-out data: the study, who ran it, when (ISO 8601, UTC), and the rows of each fold."""

    study: str
    by: str
    read_at: str
    folds: Mapping[str, int]

    @classmethod
    def here(cls, study: Path, read_at: str, folds: Mapping[str, int]) -> Reader:
        """Returns the reader that this process is, for the study in that folder."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a container may run as nobody that it knows
            user = "somebody"
        return cls(study=shown(study), by=f"{user}@{socket.gethostname()}", read_at=read_at, folds=folds)

    def __str__(self) -> str:
        return f"{self.study}, by {self.by} at {self.read_at}"


class Readers:
    """The readers of the data sets whose features lie in `cache`: a file for each reading."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "readings"

    def of(self, data_digest: str) -> Sequence[Reader]:
        """Returns who has read the held-out rows of that data, the first reader first.

        Raises InputError where a record is damaged.
        """
        folder = self._folder / data_digest
        pull(folder)
        return sorted(map(_read, folder.glob("*.json")), key=lambda reader: (reader.read_at, reader.study))

    def add(self, data_digest: str, reader: Reader) -> None:
        """Keeps that somebody has read the held-out rows of that data; raises InputError where it cannot."""
        values = {"format": READING.number, "data_digest": data_digest, **asdict(reader)}
        # a file for each reading: two at once never write over each other
        path = self._folder / data_digest / f"{digest_of_values(values, 16)}.json"
        try:
            write_json(path, values)
        except OSError as error:
            raise InputError(
                f"{shown(path)} cannot be written ({error.strerror}): it says that held-out data was read; "
                "give a --cache that can be written"
            ) from error
        push(path)


def describe_readers(readers: Sequence[Reader]) -> str:
    """Returns how often the data was read before, for which studies, by whom and when; empty for never."""
    if not readers:
        return ""
    times = "once" if len(readers) == 1 else f"{len(readers)} times"
    named = "" if len(readers) <= _NAMED else f", the last {_NAMED}"
    last = "; ".join(map(str, readers[-_NAMED:]))
    return f"the held-out rows of this data were read {times} before{named}: for {last}"


def _read(path: Path) -> Reader:
    try:
        values = read_json(path, READING)
        del values["format"], values["data_digest"]
        return Reader(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # without it a second look at held-out data would seem the first
        raise damaged(path, error, "restore it from a copy") from error
