"""File of TensorBoard's events, which grows by whole records and never waits for the disk; and a reader.

TensorBoard's own writer of events hands them to a thread, so that a killed search loses the last.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from data_prep.storage.standing import standing

_VERSION = "brain.Event:2"  # what readers want to find in the first event
_BEFORE, _AFTER = 12, 4  # the bytes around an event: its length and checksums


class EventFile:
    """Event file of `folder`, the only one there, which is made with it."""

    def __init__(self, folder: Path) -> None:
        standing(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
        now = time.time()
        path = folder / f"events.out.tfevents.{now:.6f}"  # a name of its own: readers keep files open
        # each record at once: TensorBoard reads meanwhile
        self._records = RecordWriter(path.open("wb", buffering=0))
        self.write(Event(wall_time=now, file_version=_VERSION))

    def write(self, event: Event) -> None:
        """Appends `event`."""
        self._records.write(event.SerializeToString())

    def close(self) -> None:
        """Closes the file."""
        self._records.close()


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
