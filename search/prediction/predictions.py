"""Predictions of a model for photographs: for a person (a table), and for scripts (JSON values, CSV)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from data_prep.class_names import printable, shown_name
from data_prep.storage.atomic_files import write_whole
from search.prediction.photographs import Photograph
from trainables.answers import THRESHOLD
from trainables.inference.classifier import Prediction

FACE_COLUMNS = ("face", "left", "top", "width", "height")
CSV_COLUMNS = ("photo", *FACE_COLUMNS, "probability", "label", "name", "true_label", "problem")


@dataclass(frozen=True, kw_only=True)
class PredictionRow:
    """One line of what is told: a photograph, its face (from 1, None for all of it), and the answer."""

    photograph: Photograph
    prediction: Prediction
    face: int | None

    @property
    def label(self) -> int | None:
        """The label that the model gives, None where there is no probability."""
        given = self.prediction
        if given.distribution:
            return given.distribution.index(max(given.distribution))
        return None if given.probability is None else int(given.probability > THRESHOLD)

    def likeliest(self, names: Sequence[str], count: int) -> list[tuple[str, float]]:
        """Returns the names and probabilities of the `count` likeliest classes, the likeliest first."""
        given = zip(names, self.prediction.probabilities, strict=False)  # none where there is no answer
        return sorted(given, key=lambda pair: -pair[1])[:count]

    @property
    def shown_name(self) -> str:
        """The photograph's name, with the number of the face in it."""
        return self.photograph.shown_name + (f" · face {self.face}" if self.face else "")

    def to_dict(self, names: Sequence[str], *, faces: bool = True) -> dict[str, Any]:
        """Returns the row as JSON values; `names` are the classes' names, `probability` that of label 1.

        With `faces` it says of which face it is, and where that is.
        """
        box = self.prediction.box
        return {
            "photo": self.photograph.name,
            **({"face": self.face, "box": box._asdict() if box else None} if faces else {}),
            "probability": self.prediction.probability,
            "label": self.label,
            "name": None if self.label is None else names[self.label],
            "true_label": self.photograph.label,
            "problem": self.prediction.problem or None,
            **self._distribution(names),
        }

    def _distribution(self, names: Sequence[str]) -> dict[str, Any]:
        """Returns the probability of every class where there are more than two: the one tells both."""
        if len(names) == 2:
            return {}
        known = self.prediction.distribution
        return {"probabilities": dict(zip(names, known, strict=True)) if known else None}


def prediction_rows(
    photographs: Sequence[Photograph], predictions: Iterable[Prediction]
) -> list[PredictionRow]:
    """Returns a row for each prediction; the faces of a photograph are numbered in their order."""
    rows: list[PredictionRow] = []
    for prediction in predictions:
        face = None
        if prediction.box:
            before = rows[-1] if rows and rows[-1].prediction.photo == prediction.photo else None
            face = 1 if before is None or before.face is None else before.face + 1
        rows.append(PredictionRow(photograph=photographs[prediction.photo], prediction=prediction, face=face))
    return rows


def to_csv(rows: Sequence[PredictionRow], names: Sequence[str], *, faces: bool = True) -> bytes:
    """Returns the rows as CSV in UTF-8 with the header CSV_COLUMNS; what is not known is empty.

    Without `faces` those of FACE_COLUMNS are left out. Of more than two classes each has a column of its
    probability behind them, such as "p(rose)". A text that a spreadsheet would take for a formula has an
    apostrophe in front.
    """
    file = io.StringIO(newline="")
    columns = [name for name in CSV_COLUMNS if faces or name not in FACE_COLUMNS]
    of_classes = [f"p({name})" for name in names] if len(names) > 2 else []
    table = csv.DictWriter(file, [*columns, *of_classes], lineterminator="\n")
    table.writeheader()
    for row in rows:
        values = row.to_dict(names, faces=faces)
        box, given = values.pop("box", None) or {}, values.pop("probabilities", None) or {}
        of_each = {f"p({name})": value for name, value in given.items()}
        table.writerow({name: _cell(value) for name, value in {**values, **box, **of_each}.items()})
    return file.getvalue().encode("utf-8", "surrogateescape")  # names that are not UTF-8 keep their bytes


def _cell(value: Any) -> Any:
    """Returns a value that a spreadsheet takes for text where it is one, and not for a formula."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value


def write_csv(path: Path, rows: Sequence[PredictionRow], names: Sequence[str], *, faces: bool = True) -> None:
    """Writes what `to_csv` returns to `path`, whole or not at all."""
    table = to_csv(rows, names, faces=faces)
    write_whole(path, lambda file: file.write(table))


def print_rows(
    rows: Sequence[PredictionRow], names: Sequence[str], console: Console, *, top: int = 1
) -> None:
    """Prints a line for each row: the label, its probability, the photograph, never wrapped.

    Of two classes it is the probability of label 1. The `top` likeliest classes are named, the first of them
    is the label.
    """
    names = [shown_name(name) for name in names]
    with_truth = any(row.photograph.label is not None for row in rows)
    stated = f"p({names[-1]})" if len(names) == 2 and top == 1 else "probability"
    lines = [("label", stated, "annotated", "photo")]
    lines += [(*_answer(row, names, top), _truth(row, names), row.shown_name) for row in rows]
    label_width, probability_width, truth_width, _ = (
        max(map(len, column)) for column in zip(*lines, strict=True)
    )
    for label, probability, truth, photo in lines:
        between = f"{truth:<{truth_width}}  " if with_truth else ""
        line = f" {label:<{label_width}}  {probability:>{probability_width}}  {between}{photo}"
        console.print(Text(line), soft_wrap=True)


def print_problems(rows: Sequence[PredictionRow], console: Console) -> None:
    """Prints for each photograph without an answer why it has none."""
    for row in rows:
        if row.prediction.problem:
            kind = "error" if row.prediction.failed else "note"
            name = "" if row.prediction.failed else f"{row.shown_name}: "  # an error names the file itself
            text = Text(f"{kind}: {name}{printable(row.prediction.problem)}")
            console.print(text, soft_wrap=True)


def _answer(row: PredictionRow, names: Sequence[str], top: int) -> tuple[str, str]:
    if row.label is None:
        return ("not read" if row.prediction.failed else "no face"), "-"
    if top > 1:
        first, *others = row.likeliest(names, top)
        return first[0], ", ".join([f"{first[1]:.4f}", *(f"{name} {value:.4f}" for name, value in others)])
    return names[row.label], f"{row.prediction.probability:.4f}"


def _truth(row: PredictionRow, names: Sequence[str]) -> str:
    if row.photograph.label is None:
        return ""
    wrong = row.label is not None and row.label != row.photograph.label
    return names[row.photograph.label] + (" (wrong)" if wrong else "")
