"""A file of TensorBoard's events, which grows by whole records and never waits for the disk.

tensorboardX's own writer calls fsync whenever it is flushed, 2 ms an epoch that nobody needs: the ledger
has the numbers.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

_VERSION = "brain.Event:2"


class EventFile:
    """The only event file of `folder`, which is made with it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        path = folder / f"events.out.tfevents.{now:.6f}"  # a name of its own: readers keep files open
        self._file = path.open("wb", buffering=0)
        self.write(Event(wall_time=now, file_version=_VERSION))

    def write(self, event: Event) -> None:
        """Appends `event` as a record of TFRecord's: length, its checksum, the event, its checksum."""
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        self._file.write(length + _checksum(length) + data + _checksum(data))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))
