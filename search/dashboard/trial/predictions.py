"""Predictions of a trial on its validation images: right and wrong, class by class."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from data_prep.errors import InputError
from data_prep.storage.regular_files import read_regular
from search.options.command_line import options_of
from search.report.document import Table
from search.study.layout import Layout
from search.study.snapshot import Snapshot
from trainables.answers import predicted_labels
from trainables.trial import Trial, TrialResult

_MOST = 2**30  # bytes
_LISTED = 20  # classes; of more, those with the most mistakes


@dataclass(frozen=True)
class Predictions:
    """What the page says of a trial's predictions: a table, or nothing, and a sentence."""

    table: Table | None
    sentence: str


def predictions_of(snapshot: Snapshot, result: TrialResult) -> Predictions:
    """Returns how the validation images of a trial were classified; nothing is moved or written.

    Without the data what was predicted is counted, but not what was right.
    """
    try:
        said = predicted_labels(_probabilities(snapshot.folder, result))
    except (OSError, ValueError, EOFError) as error:
        return Predictions(None, f"Its predictions are not here ({error}).")
    try:
        truth = _labels(snapshot, result.trial)
        if truth.shape != said.shape:
            raise InputError(f"there are {truth.size} labels and {said.size} predictions")
    except (InputError, OSError) as error:
        text = f"Which ones are right cannot be said, because the data is not here ({error})."
        return Predictions(_said(snapshot.facts.class_names, said), text)
    right = int((truth == said).sum())
    share = f"{right:,} of {said.size:,} validation images are right ({right / said.size:.4f})"
    return Predictions(
        _right_and_wrong(snapshot.facts.class_names, truth, said), f"{share}, by its last epoch."
    )


def _probabilities(study: Path, result: TrialResult) -> np.ndarray:
    """Returns the validation probabilities; raises OSError or ValueError where they are gone or changed."""
    if not result.predictions_digest:
        raise ValueError("none were kept of it")
    path = Layout(study).predictions(result.trial.key)
    try:
        content = read_regular(path, _MOST)
    except FileNotFoundError:
        raise ValueError(f"{path.name} is not in the study") from None
    if hashlib.sha256(content).hexdigest() != result.predictions_digest:
        raise ValueError(f"{path.name} is damaged")
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))


def _labels(snapshot: Snapshot, trial: Trial) -> np.ndarray:
    """Returns the labels of the validation images; raises InputError where the data cannot be found."""
    asked = options_of(snapshot.command)
    if snapshot.command is None or asked is None or asked.data.manifest is None:
        raise InputError("no manifest is named by the study's last command")
    path = Path(snapshot.command.cwd, asked.data.manifest)
    digest, rows = _rows(path, path.stat().st_mtime_ns, snapshot.facts.split)
    if digest != trial.data_digest or trial.split not in rows:
        raise InputError(f"{path} is not the data that the trial saw")
    return rows[trial.split]


# the page is made again every few seconds
@lru_cache(maxsize=4)
def _rows(manifest: Path, changed_ns: int, protocol: str) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the digest of the data, and the labels of the validation images of each split."""
    from data_prep.manifest import read_manifest  # pandas and more: not before somebody wants it
    from data_prep.splits import make_splits
    from search.study.setup import Problem

    data = read_manifest(manifest)
    problem = Problem(data, protocol, make_splits(data, protocol), "none", "")
    labels = problem.labels
    return data.digest, {name: labels[rows] for name, rows in problem.validation_rows.items()}


def _said(class_names: tuple[str, ...], said: np.ndarray) -> Table:
    counts = np.bincount(said, minlength=len(class_names))
    rows = [(_name(class_names, number), f"{counts[number]:,}") for number in _listed(counts)]
    return Table(caption="Predictions by class", columns=("class", "predicted"), rows=rows)


def _right_and_wrong(class_names: tuple[str, ...], truth: np.ndarray, said: np.ndarray) -> Table:
    classes = max(len(class_names), int(max(truth.max(), said.max())) + 1)
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (truth.astype(int), said), 1)
    right = confusion.diagonal()
    mistakes = confusion - np.diag(right)
    wrong = mistakes.sum(axis=1)

    def row(number: int) -> tuple[str, ...]:
        counts = right[number] + wrong[number], right[number], wrong[number], confusion[:, number].sum()
        taken_for = _name(class_names, int(mistakes[number].argmax())) if wrong[number] else "-"
        return _name(class_names, number), *(f"{count:,}" for count in counts), taken_for

    columns = ("class", "images", "right", "wrong", "predicted", "most often taken for")
    rows = [row(number) for number in _listed(wrong)]
    caption = "Predictions by class" + (", those with the most mistakes" if len(rows) < classes else "")
    return Table(caption=caption, columns=columns, rows=rows)


def _listed(counts: np.ndarray) -> list[int]:
    """Returns all classes in their order, of too many those with the largest counts."""
    order = np.argsort(-counts, kind="stable")[:_LISTED] if len(counts) > _LISTED else np.arange(len(counts))
    return [int(number) for number in order]


def _name(class_names: tuple[str, ...], number: int) -> str:
    return class_names[number] if number < len(class_names) else str(number)
