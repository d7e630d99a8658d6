"""The index of trials: one file with all of a ledger but its epochs, so that not thousands are opened.

As the index of whole files (`search.study.index.whole_trials`) it is for those who look on. A trial in it
holds while the stamp of its file is the one that it was read with. Epochs are read from that file, whose
digest decides, when somebody asks for them.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

from data_prep.errors import InputError
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.parsed_files import Stamp
from search.study.formats import KEPT_TRIALS
from search.study.index.whole_trials import is_large, keep_index, read_index, stamps_in
from search.study.layout import Layout
from search.study.ledger import Ledger, read_trial
from trainables.trial import EpochMetrics, Figures, Trial, TrialConfig, TrialResult, TrialStatus

Value = TypeVar("Value")


def _names(kind: Any, *but: str) -> list[str]:
    return [item.name for item in fields(kind) if item.name not in but]


_CONFIG, _TRIAL = _names(TrialConfig), _names(Trial, "config")
_RESULT = _names(TrialResult, "trial", "epochs")
_FIGURES, _LAST = _names(Figures, "last"), _names(EpochMetrics)
_FIELDS = [*_CONFIG, *_TRIAL, *_RESULT, *_FIGURES, *_LAST]


class KeptTrial(TrialResult):
    """A trial of the index: its figures are there, its epochs are read where they are asked for.

    Then it raises InputError where the file is damaged, or gone.
    """

    folder: Path

    @cached_property
    def epochs(self) -> tuple[EpochMetrics, ...]:
        """All its epochs, from its own file."""
        path = self.folder / f"{self.trial.key}.json"  # here, as paths are made slowly
        try:
            return read_trial(path).epochs
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); look again") from error


def read_kept(layout: Layout, stamps: Mapping[str, Stamp]) -> dict[str, TrialResult]:
    """Returns by name the trials of the index whose files have the `stamps` that they had."""

    def trials(values: Mapping[str, Any]) -> dict[str, TrialResult]:
        if values["fields"] != _FIELDS:
            raise ValueError("another version had other fields")
        rows = _rows(values["columns"], len(values["names"]))
        found = zip(values["names"], zip(*values["stamps"], strict=True), rows, strict=True)
        folder = layout.trials  # once: it is made anew where it is asked for
        return {name: _kept(row, folder, name) for name, stamp, row in found if stamps.get(name) == stamp}

    try:
        with _no_collection():
            return read_as(layout.kept_trials, KEPT_TRIALS, trials, way_out="it is made again") or {}
    except InputError:
        return {}


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Spares what makes hundreds of thousands of values at once the search for cycles, half of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


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
        "fields": _FIELDS,
        "columns": _columns([found[name] for name in known]),
    }
    with contextlib.suppress(OSError, InputError):
        write_json(layout.kept_trials, values)


def keep_ledger(ledger: Ledger) -> None:
    """Writes the indices of a large ledger whose study is held, where they are not as it is now."""
    layout = Layout(ledger.folder)
    stamps = stamps_in(layout.trials)
    if is_large(len(stamps)) and read_index(layout.index) != stamps:
        keep_trials(layout, stamps, ledger.results())


def _row(trial: TrialResult) -> Iterator[Any]:
    last = vars(trial.figures.last) if trial.figures else {}
    yield from (getattr(trial.trial.config, name) for name in _CONFIG)
    yield from (getattr(trial.trial, name) for name in _TRIAL)
    yield from (getattr(trial, name) for name in _RESULT)
    yield from (getattr(trial.figures, name, None) for name in _FIGURES)
    yield from (last.get(name) for name in _LAST)


def _columns(trials: Sequence[TrialResult]) -> list[Sequence[Any]]:
    """Returns the values of each field, one value alone where, as in most, all trials have the same."""
    columns: Iterable[Sequence[Any]] = zip(*map(_row, trials), strict=True)
    return [column[:1] if all(value == column[0] for value in column) else column for column in columns]


def _rows(columns: Sequence[Sequence[Any]], count: int) -> Iterator[Sequence[Any]]:
    return zip(*(each if len(each) > 1 else repeat(each[0], count) for each in columns), strict=False)


def _kept(row: Sequence[Any], folder: Path, name: str) -> TrialResult:
    cells = iter(row)

    def next_of(names: Sequence[str]) -> dict[str, Any]:
        return dict(zip(names, cells, strict=False))

    config, trial, result, figures, last = map(next_of, (_CONFIG, _TRIAL, _RESULT, _FIGURES, _LAST))
    config["hidden_units"] = tuple(config["hidden_units"])
    # its file was read with that name, and hashing is most of the time
    trial |= {"config": _made(TrialConfig, config), "key": name.removesuffix(".json")}
    result |= {"trial": _made(Trial, trial), "status": TrialStatus(result["status"])}
    if figures["count"] is None:
        return _made(TrialResult, result | {"epochs": ()})
    figures["last"] = _made(EpochMetrics, last)
    return _made(KeptTrial, result | {"figures": _made(Figures, figures), "folder": folder})


def _made(kind: type[Value], values: Mapping[str, Any]) -> Value:
    """Returns a value of a dataclass without its checks.

    The digest of the index says that these are the values that were checked as their files were read.
    """
    made = object.__new__(kind)
    vars(made).update(values)
    return made
