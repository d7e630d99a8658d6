"""File of TensorBoard's events, which grows by whole records and never waits for the disk; and a reader.

tensorboardX's own writer calls fsync whenever it is flushed, 2 ms an epoch that nobody needs: the ledger
has the numbers.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from data_prep.storage.standing import standing

_VERSION = "brain.Event:2"
_BEFORE, _AFTER = 12, 4  # the bytes around an event: its length and checksums


class EventFile:
    """Event file of `folder`, the only one there, which is made with it."""

    def __init__(self, folder: Path) -> None:
        standing(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
        now = time.time()
        path = folder / f"events.out.tfevents.{now:.6f}"  # a name of its own: readers keep files open
        self._file = path.open("wb", buffering=0)  # each record at once: TensorBoard reads meanwhile
        self.write(Event(wall_time=now, file_version=_VERSION))

    def write(self, event: Event) -> None:
        """Appends `event` as a record of TFRecord's: length, its checksum, the event, its checksum."""
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        self._file.write(length + _checksum(length) + data + _checksum(data))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def events_in(folder: Path) -> Iterator[Event]:
    """Yields the events of the files in `folder`, of each as far as it can be read; checksums are left."""
    for path in sorted(folder.glob("events.*")):
        with path.open("rb") as file:
            while len(before := file.read(_BEFORE)) == _BEFORE:
                (length,) = struct.unpack_from("<Q", before)
                try:
                    yield Event.FromString(file.read(length + _AFTER)[:length])
                except Exception:  # DecodeError of protobuf, MemoryError of a length that is none
                    break


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))
