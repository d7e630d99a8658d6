"""The checkpoint of a pack: it is kept while the pack is trained, no oftener than that pays."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import InputError
from data_prep.storage.remote import address_of, pull, push
from trainables.training.state_file import DAMAGED, read_state

if TYPE_CHECKING:
    from trainables.training.packed.training import PackedTraining

STATE = "pack.npz"
EVERY_S = 30.0  # a worker that starts again, loads Keras and compiles takes about as long
SHARE = 0.05  # of the time at most goes into keeping: the state of a large pack has gigabytes


def folder_of(checkpoints: Path, keys: Iterable[str]) -> Path:
    """Returns the folder of the pack whose members have these keys, in their order."""
    return checkpoints / f"pack-{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:16]}"


class PackCheckpoint:
    """The state of a pack in a folder of its own below `checkpoints`, for the worker that begins again.

    It is kept after an epoch that was reported, where EVERY_S have passed and the time that the last one took
    is SHARE of it: packs whose epochs take milliseconds end before that. Where it cannot be written the pack
    goes on without.
    `keys` are those of all members, in their order; `clock` tells seconds. `parts` are the numbers of the
    members that are still trained together, those under way first, as they were kept; [] where nothing was.
    The driver drops the folder when the pack has ended: Ray lets no worker go on after its last report.
    """

    def __init__(
        self, checkpoints: Path, keys: Iterable[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder_of(checkpoints, keys)
        self._clock = clock
        self._since, self._pause_s = clock(), EVERY_S
        self.parts = self._kept = self._read()

    def restore(self, pack: PackedTraining) -> None:
        """Takes the first of `parts` to where it was kept; leaves it at its start where it never was."""
        # else the pack was halved since: the state is that of more members
        if self._kept and self._kept[0] == self.parts[0]:
            try:
                pack.restore(self.folder / STATE)
            except DAMAGED as error:
                self._leave(error)
        self._kept = []

    def keep(self, pack: PackedTraining) -> None:
        """Keeps the state of `pack`, the first of `parts`, where that pays."""
        began = self._clock()
        if began - self._since < self._pause_s or not pack.goes_on:
            return
        try:
            # the driver made the one above it: where that is missing, the storage is away
            self.folder.mkdir(parents=address_of(self.folder) is not None, exist_ok=True)
            pack.save(self.folder / STATE, parts=self.parts)
            push(self.folder)
        except (OSError, InputError) as error:
            warnings.warn(f"the pack goes on without a checkpoint: {error}", stacklevel=2)
        self._since = self._clock()
        self._pause_s = max(EVERY_S, (self._since - began) / SHARE)

    def _read(self) -> list[list[int]]:
        try:
            pull(self.folder)
            parts: list[list[int]] = read_state(self.folder / STATE)[0]["parts"]
        except FileNotFoundError:
            return []
        except (*DAMAGED, InputError) as error:
            self._leave(error)
            return []
        return parts

    def _leave(self, error: Exception) -> None:
        warnings.warn(f"the pack starts anew, without its checkpoint {self.folder}: {error}", stacklevel=3)
