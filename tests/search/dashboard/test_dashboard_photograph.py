"""The box for a photograph: what the final model answers, and what is said where it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.dashboard.model.classified import Answer, classified
from search.study.layout import Layout
from tests.pictures import almost_even, encoded
from tests.search.dashboard.test_dashboard_page import open_page, text_of
from tests.trainables.models import write_brightness_model

Make = Callable[..., Path]
FOUND = {
    "calibration": {"statement": "the probabilities are calibrated"},
    "caveats": ["it knows drawn faces only"],
    "predictions": [
        {
            "problem": None,
            "top": [{"name": "rose", "probability": 0.75}, {"name": "tulip", "probability": 0.2}],
        }
    ],
}


def answered(folder: Path, code: str) -> Answer:
    """Returns the answer to the photograph `holiday.jpg` of a program in the place of search.predict."""
    program = folder / "program.py"
    program.write_text(f"import json, os, sys\nmodel, photograph, *options = sys.argv[1:]\n{code}\n", "utf-8")
    return classified(Path("model.keras"), "holiday.jpg", b"its bytes", (sys.executable, "-I", str(program)))


def test_answer_has_the_likeliest_classes(tmp_path: Path) -> None:
    answer = answered(tmp_path, f"print({json.dumps(FOUND)!r})")
    assert answer.classes == [("rose", 0.75), ("tulip", 0.2)]
    assert answer.calibration == "the probabilities are calibrated"
    assert answer.caveats == ["it knows drawn faces only"]


def test_model_is_asked_with_the_bytes_in_a_file_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        answered(
            tmp_path,
            "links, content = os.stat(photograph).st_nlink, open(photograph, 'rb').read()\n"
            "sys.exit(f'error: {model} {links} {content} {options}')",
        )
    assert str(told.value) == "model.keras 0 b'its bytes' ['--json', '--top', '5']"


def test_picture_that_is_refused_is_called_as_the_reader_calls_it(tmp_path: Path) -> None:
    refused = {**FOUND, "predictions": [{"problem": "PATH is not an image", "top": []}]}
    code = f"print({json.dumps(refused)!r}.replace('PATH', photograph)); sys.exit('error: 1 of 1')"
    with pytest.raises(InputError, match=r"^holiday\.jpg is not an image$"):
        answered(tmp_path, code)


def test_model_that_ends_without_a_word_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the prediction ended with 3 and no answer"):
        answered(tmp_path, "sys.exit(3)")


def test_page_tells_in_a_sentence_why_the_final_model_cannot_be_asked(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    model = Layout(study).model
    model.parent.mkdir()
    model.write_bytes(b"")
    record = {"format": 1, "labels": {"0": "dark", "1": "bright"}, "model_digest": "of another file"}
    model.with_suffix(".json").write_text(json.dumps(record), "utf-8")
    page, before = open_page(study, tab="Outcome"), set(sys.modules)
    page.file_uploader[0].upload("holiday.png", encoded(almost_even((32, 32), "white"))).run()
    assert not page.exception
    assert "is damaged (its digest is not the one in model.json)" in page.error[0].value.replace("\\", "")
    page.run()
    assert len(page.error) == 1
    assert not {"keras", "tensorflow", "jax"} & (set(sys.modules) - before)


@pytest.mark.slow
def test_page_says_what_the_final_model_takes_a_photograph_for(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    Layout(study).model.parent.mkdir()
    write_brightness_model(Layout(study).model)
    page = open_page(study, tab="Outcome")
    page.file_uploader[0].upload("holiday.png", encoded(almost_even((32, 32), "white"))).run()
    assert not page.exception
    assert "**1**, with probability 0.9820" in text_of(page)
    assert "Nothing is known of the calibration of these probabilities." in text_of(page)
