"""The index of trials: one file with all of a ledger but its epochs, so that not thousands are opened.

As the index of whole files (`search.study.index.whole_trials`) it is for those who look on. A trial in it
holds while the stamp of its file is the one that it was read with. Epochs are read from that file, whose
digest decides, when somebody asks for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.parsed_files import Stamp
from search.study.formats import KEPT_TRIALS
from search.study.index.whole_trials import is_large, keep_index, read_index, stamps_in
from search.study.layout import Layout
from search.study.ledger import Ledger, read_trial
from trainables.trial import EpochMetrics, Figures, TrialResult


class KeptTrial(TrialResult):
    """A trial of the index: its figures are there, its epochs are read where they are asked for.

    Then it raises InputError where the file is damaged, or gone.
    """

    path: Path

    @cached_property
    def epochs(self) -> tuple[EpochMetrics, ...]:
        """All its epochs, from its own file."""
        try:
            return read_trial(self.path).epochs
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}); look again") from error


def read_kept(layout: Layout, stamps: Mapping[str, Stamp]) -> dict[str, TrialResult]:
    """Returns by name the trials of the index whose files have the `stamps` that they had."""

    def trials(values: Mapping[str, Any]) -> dict[str, TrialResult]:
        rows = zip(values["names"], zip(*values["stamps"], strict=True), values["trials"], strict=True)
        folder = layout.trials  # once: it is made anew where it is asked for
        return {name: _kept(row, folder, name) for name, stamp, row in rows if stamps.get(name) == stamp}

    try:
        return read_as(layout.kept_trials, KEPT_TRIALS, trials, way_out="it is made again") or {}
    except InputError:
        return {}


def keep_trials(layout: Layout, stamps: Mapping[str, Stamp], trials: Iterable[TrialResult]) -> None:
    """Writes both indices of a ledger; where the folder cannot be written nothing happens.

    `stamps` are by name, of before the files were read.
    """
    found = {f"{trial.trial.key}.json": trial for trial in trials}
    known = {name: stamp for name, stamp in stamps.items() if name in found}
    keep_index(layout.index, known)
    values = {
        "format": KEPT_TRIALS.number,
        "names": list(known),
        "stamps": [list(column) for column in zip(*known.values(), strict=True)],
        "trials": [_row(found[name]) for name in known],
    }
    with contextlib.suppress(OSError, InputError):
        write_json(layout.kept_trials, values)


def keep_ledger(ledger: Ledger) -> None:
    """Writes the indices of a large ledger whose study is held, where they are not as it is now."""
    layout = Layout(ledger.folder)
    stamps = stamps_in(layout.trials)
    if is_large(len(stamps)) and read_index(layout.index) != stamps:
        keep_trials(layout, stamps, ledger.results())


def _row(trial: TrialResult) -> dict[str, Any]:
    return {**trial.facts(), "figures": trial.figures and asdict(trial.figures)}


def _kept(row: Mapping[str, Any], folder: Path, name: str) -> TrialResult:
    # no schema is asked: the digest says that these are the values that were checked as their files were read
    plain = TrialResult.from_facts(row, ())
    if f"{row['key']}.json" != name:
        raise ValueError(f"{name} is said to hold the trial {row['key']}")
    vars(plain.trial)["key"] = row["key"]  # its file was read with it, and hashing is most of the time
    if row["figures"] is None:
        return plain
    figures = Figures(**{**row["figures"], "last": EpochMetrics(**row["figures"]["last"])})
    kept = object.__new__(KeptTrial)
    vars(kept).update(vars(plain), figures=figures, path=folder / name)
    del vars(kept)["epochs"]
    return kept
