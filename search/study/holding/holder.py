"""The process that holds a study, as a file names it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.json_files import parsed, read_as, sealed
from search.study.formats import HOLDER
from search.study.live_state import is_alive


@dataclass(frozen=True)
class Holder:
    """The process that holds a study: where it runs, whose it is, and since when (ISO 8601, UTC)."""

    host: str
    pid: int
    user: str
    since: str

    @classmethod
    def here(cls) -> Holder:
        """Returns the holder that this process is."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a container may run as nobody that it knows
            user = "somebody"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(host=socket.gethostname(), pid=os.getpid(), user=user, since=now)

    @classmethod
    def of(cls, content: bytes) -> Holder | None:
        """Returns the holder that the content of a file names, None where it is damaged."""
        try:
            return cls.from_dict(parsed(content, HOLDER))
        except (ValueError, KeyError):
            return None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Holder:
        """Returns the holder that the values of a file name; raises KeyError."""
        return cls(**{item.name: values[item.name] for item in fields(cls)})

    @property
    def content(self) -> bytes:
        """The content of a file that names this holder."""
        return self.saying()

    def saying(self, **more: Any) -> bytes:
        """Returns the content of a file that names this holder, and says `more`."""
        return sealed({"format": HOLDER.number, **asdict(self), **more})

    @property
    def may_run(self) -> bool:
        """Whether the process may still be there; of another machine that cannot be asked."""
        is_here = self.host == socket.gethostname()
        # our own number is that of one that ended before us, as in a container: we hold nothing yet
        return not is_here or (self.pid != os.getpid() and is_alive(self.pid))

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"


def read_holder(path: Path) -> Holder | None:
    """Returns the holder that a file names, None without one that can be read."""
    try:
        return read_as(path, HOLDER, Holder.from_dict, way_out="")
    except InputError:
        return None


def said_of(holder: Holder | None) -> str:
    """Returns in brackets who holds a study, "" where nobody knows."""
    return f" ({holder.pid} of {holder.user} on {holder.host}, since {holder.since})" if holder else ""
