"""Classification of photographs by a finished model: its rows, and how often they are right."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.text import Text

from data_prep.class_names import are_genders
from data_prep.errors import InputError
from search.final_model.model_file import ModelFile
from search.prediction.evaluation import evaluate_parts, print_evaluation
from search.prediction.photographs import Photograph
from search.prediction.predictions import PredictionRow, prediction_rows, print_problems, print_rows
from trainables.features.extraction import show_progress
from trainables.features.images import OnProgress
from trainables.inference.classifier import (
    BATCH_SIZE,
    Classifier,
    classify,
    show_accepted,
    show_faces,
    show_whole,
)

_MADE_OF = ("data_digest", "source", "weights", "split", "key")


@dataclass(frozen=True, kw_only=True, eq=False)
class Classification:
    """The rows that a model gives for photographs, and their `metrics` as `evaluate_parts` returns them."""

    model: ModelFile
    input_px: int
    rows: Sequence[PredictionRow]
    metrics: Mapping[str, Any]
    found_faces: bool = False

    @property
    def tells_faces(self) -> bool:
        """Whether a row says which face it is of: where they were looked for, and for what tells genders."""
        return self.found_faces or not self.model.facts or are_genders(self.model.label_names)

    def to_dict(self, figures: Sequence[str], *, top: int = 1) -> dict[str, Any]:
        """Returns JSON values; `figures` are the paths of its pictures.

        With `top` above 1 each prediction names so many classes, the likeliest first.
        """
        names = self.model.label_names
        return {
            "model": str(self.model.path),
            "input_px": self.input_px,
            "labels": list(self.model.label_names),
            "made_of": {name: self.model.facts.get(name) for name in _MADE_OF},
            "calibration": self.model.facts.get("calibration"),
            "caveats": list(self.model.caveats),
            "predictions": [
                {**row.to_dict(names, faces=self.tells_faces), **_top(row, names, top)} for row in self.rows
            ],
            "metrics": self.metrics,
            "figures": list(figures),
        }

    def require_all_read(self) -> None:
        """Raises InputError where a photograph could not be read."""
        failed = sum(row.prediction.failed for row in self.rows)
        if failed:
            photographs = len({row.prediction.photo for row in self.rows})
            raise InputError(
                f"{failed:,} of {photographs:,} photographs could not be read, each is named above; "
                "the others were classified"
            )


def _top(row: PredictionRow, names: Sequence[str], top: int) -> dict[str, Any]:
    if top == 1:
        return {}
    return {"top": [{"name": name, "probability": value} for name, value in row.likeliest(names, top)]}


def classify_photographs(
    model: ModelFile,
    photographs: Sequence[Photograph],
    unseen: Sequence[bool] | None = None,
    *,
    find_faces: bool = False,
    of_manifest: bool = False,
) -> Classification:
    """Returns what `model` says of the photographs, or of each face in them.

    `unseen` tells of each photograph whether the model was not trained on it, None where that is unknown.
    What is `of_manifest` was accepted by a build, and is not refused for its size.
    Of many photographs the progress is shown on standard error. Raises what `Classifier.load` and
    `show_faces` raise.
    """
    whole = show_accepted if of_manifest else show_whole
    look = show_faces() if find_faces else whole
    classifier = Classifier.load(model.path)
    images = [photograph.image for photograph in photographs]
    model = _fitting(model, classifier)
    with _progress(len(images)) as on_progress:
        rows = prediction_rows(photographs, classify(classifier, images, look, on_progress))
    metrics = evaluate_parts(rows, model.label_names, unseen)
    return Classification(
        model=model, input_px=classifier.input_px, rows=rows, metrics=metrics, found_faces=find_faces
    )


def _fitting(model: ModelFile, classifier: Classifier) -> ModelFile:
    """Returns the model with a name for each class; numbers where nothing is known of it."""
    if not model.facts:
        return replace(model, label_names=tuple(map(str, range(classifier.classes))))
    if len(model.label_names) != classifier.classes:
        raise InputError(
            f"the record beside {model.path} names {len(model.label_names)} classes, the model tells "
            f"{classifier.classes} apart; restore it, or move the model away from it"
        )
    return model


def print_classification(found: Classification, console: Console, *, rows: bool, top: int = 1) -> None:
    """Prints the model, the rows if asked for, and how often they are right, as far as labels are known."""
    names, made_of = found.model.label_names, found.model.describe()
    console.print(Text(f"model  {found.model.path}{f' ({made_of})' if made_of else ''}"), soft_wrap=True)
    if found.model.calibration:
        console.print(Text(found.model.calibration), soft_wrap=True)
    if rows:
        print_rows(found.rows, names, console, top=min(top, len(names)))
    print_evaluation(found.metrics, names, console)


def print_notes(found: Classification, console: Console) -> None:
    """Prints what a reader must know of the model, and the photographs that have no answer."""
    for caveat in found.model.caveats:
        console.print(Text(f"note: {caveat}"), soft_wrap=True)
    print_problems(found.rows, console)


def _progress(photographs: int) -> contextlib.AbstractContextManager[OnProgress]:
    if photographs > 2 * BATCH_SIZE:  # fewer are done before a bar could be read
        return show_progress("classified")
    return contextlib.nullcontext(lambda done, total: None)
