"""Answers as rows: for a table, JSON values and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rich.console import Console

from search.prediction.photographs import Photograph
from search.prediction.predictions import (
    CSV_COLUMNS,
    PredictionRow,
    prediction_rows,
    print_problems,
    print_rows,
    to_csv,
)
from trainables.inference.classifier import NO_FACE, Prediction
from trainables.inference.pictures import Box

NAMES = ("female", "male")
BOX = Box(1, 2, 3, 3)


def _photograph(name: str, label: int | None = None) -> Photograph:
    return Photograph(name=name, image=Path(name), label=label)


def _rows() -> list[PredictionRow]:
    others = [_photograph(name) for name in ("b, b.jpg", "c.jpg", "d.jpg")]
    return prediction_rows(
        [_photograph("a.jpg", 1), *others],
        [
            Prediction(photo=0, probability=0.25),
            Prediction(photo=1, probability=0.75, box=BOX),
            Prediction(photo=1, probability=0.125, box=BOX),
            Prediction(photo=2, problem=NO_FACE),
            Prediction(photo=3, problem="the image d.jpg cannot be read (No such file)", failed=True),
        ],
    )


def _printed(rows: list[PredictionRow]) -> list[str]:
    console = Console(file=io.StringIO(), width=40)
    print_rows(rows, NAMES, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_rows_number_the_faces_of_a_photograph() -> None:
    assert [row.face for row in _rows()] == [None, 1, 2, None, None]


def test_row_has_label_1_above_one_half() -> None:
    assert [row.label for row in _rows()] == [0, 1, 0, None, None]
    (half,) = prediction_rows([_photograph("a.jpg")], [Prediction(photo=0, probability=0.5)])
    assert half.label == 0


def test_to_dict_of_a_face() -> None:
    assert _rows()[1].to_dict(NAMES) == {
        "photo": "b, b.jpg",
        "face": 1,
        "box": {"left": 1, "top": 2, "width": 3, "height": 3},
        "probability": 0.75,
        "label": 1,
        "name": "male",
        "true_label": None,
        "problem": None,
    }


def test_to_dict_without_an_answer() -> None:
    values = _rows()[3].to_dict(NAMES)
    assert (values["probability"], values["label"], values["name"]) == (None, None, None)
    assert values["problem"] == NO_FACE


def test_to_csv_has_a_line_a_row_and_can_be_read_back() -> None:
    text = to_csv(_rows(), NAMES).decode()
    assert text.splitlines()[0] == ",".join(CSV_COLUMNS)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["photo"] for row in rows] == ["a.jpg", "b, b.jpg", "b, b.jpg", "c.jpg", "d.jpg"]
    assert (rows[0]["true_label"], rows[0]["left"], rows[1]["left"], rows[1]["name"]) == (
        "1",
        "",
        "1",
        "male",
    )


def test_to_csv_keeps_the_bytes_of_a_name_that_is_no_text() -> None:
    rows = prediction_rows([_photograph("bad\udcff.jpg")], [Prediction(photo=0, probability=0.5)])
    assert b"bad\xff.jpg" in to_csv(rows, NAMES)


def test_to_csv_has_no_formulas() -> None:
    rows = prediction_rows([_photograph("=1+1.jpg")], [Prediction(photo=0, probability=0.5)])
    (row,) = csv.DictReader(io.StringIO(to_csv(rows, NAMES).decode()))
    assert (row["photo"], row["probability"]) == ("'=1+1.jpg", "0.5")


def test_print_rows_gives_a_line_a_row_never_wrapped() -> None:
    assert _printed(_rows()) == [
        " label     p(male)  annotated     photo",
        " female     0.2500  male (wrong)  a.jpg",
        " male       0.7500                b, b.jpg · face 1",
        " female     0.1250                b, b.jpg · face 2",
        " no face         -                c.jpg",
        " not read        -                d.jpg",
    ]


def test_print_rows_without_labels_has_no_column_for_them() -> None:
    rows = prediction_rows([_photograph("[bold]a.jpg")], [Prediction(photo=0, probability=0.9)])
    assert _printed(rows) == [" label  p(male)  photo", " male    0.9000  [bold]a.jpg"]


def test_print_problems_names_errors_and_photographs_without_a_face() -> None:
    console = Console(file=io.StringIO(), width=40)
    print_problems(_rows(), console)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "note: c.jpg: no face was found",
        "error: the image d.jpg cannot be read (No such file)",
    ]


FLOWERS = ("daisy", "rose", "tulip")


def _of_flowers() -> list[PredictionRow]:
    return prediction_rows(
        [_photograph("a.jpg", 1), _photograph("b.jpg")],
        [
            Prediction(photo=0, probability=0.625, distribution=(0.125, 0.25, 0.625)),
            Prediction(photo=1, problem="the image b.jpg cannot be read (No such file)", failed=True),
        ],
    )


def test_row_of_several_classes_has_the_likeliest() -> None:
    assert [row.label for row in _of_flowers()] == [2, None]
    assert _of_flowers()[0].likeliest(FLOWERS, 2) == [("tulip", 0.625), ("rose", 0.25)]


def test_row_of_two_classes_has_both_as_its_likeliest() -> None:
    assert _rows()[0].likeliest(NAMES, 3) == [("female", 0.75), ("male", 0.25)]


def test_to_dict_of_several_classes_has_the_probability_of_each() -> None:
    first, second = (row.to_dict(FLOWERS) for row in _of_flowers())
    assert (first["name"], first["probability"]) == ("tulip", 0.625)
    assert first["probabilities"] == {"daisy": 0.125, "rose": 0.25, "tulip": 0.625}
    assert second["probabilities"] is None
    assert "probabilities" not in _rows()[0].to_dict(NAMES)


def test_csv_of_several_classes_has_a_column_for_each() -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(_of_flowers(), FLOWERS).decode()))
    assert (first["p(daisy)"], first["p(tulip)"], second["p(rose)"]) == ("0.125", "0.625", "")


def test_rows_name_the_likeliest_classes() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_rows(_of_flowers()[:1], FLOWERS, console, top=3)
    header, line = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert header.split() == ["label", "probability", "annotated", "photo"]
    assert "tulip  0.6250, rose 0.2500, daisy 0.1250  rose (wrong)  a.jpg" in line
