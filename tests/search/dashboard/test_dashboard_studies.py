"""Several studies: the list with scores, whose rows open one, and two beside each other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.storage.json_files import write_json
from search.dashboard.figures import best_of_each
from search.dashboard.overview import overview
from search.dashboard.page import ALL
from search.dashboard.reading import StudyReader
from search.dashboard.studies.beside import best_by_configuration, differences_between, side_by_side
from search.study.ledger import Ledger
from tests.search.dashboard.test_dashboard_page import open_page, text_of
from tests.search.makers import make_result, make_trial

Make = Callable[..., Path]


@pytest.fixture
def storage(make_study: Make) -> Path:
    make_study("first", stages=("lr", "dropout"), epochs=2)
    return make_study("second", stages=("dropout",), epochs=1, joint=12).parent


def test_overview_has_the_score_of_the_latest_winner_and_the_best_so_far(storage: Path) -> None:
    table = overview(storage).set_index("study")
    snapshot = StudyReader(storage / "first").read()
    latest = snapshot.results[-1]
    assert latest.winner
    assert table.loc["first", "score"] == latest.entry_of(latest.winner).mean
    assert table.loc["first", "objective"] == "mean validation accuracy"
    line = list(table.loc["first", "best so far"])  # type: ignore[arg-type]
    assert len(line) == sum(len(result.entries) for result in snapshot.results)
    assert line == sorted(line)


def test_joint_search_counts_once_in_the_best_so_far(storage: Path) -> None:
    line = list(overview(storage).set_index("study").loc["second", "best so far"])  # type: ignore[arg-type]
    dropout = StudyReader(storage / "second").read().stage("dropout")
    assert dropout
    assert len(line) == len(dropout.entries) + 1


def test_overview_of_a_damaged_stage_has_no_score(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    (study / "stages" / "lr.json").write_text("[]")
    row = overview(study.parent).iloc[0]
    assert (row["score"], row["objective"], row["latest result"]) == (None, "-", "damaged")


def test_click_beside_a_row_opens_the_study(storage: Path) -> None:
    page = open_page(storage)
    row = page.dataframe[0].value["study"].tolist().index("first")
    click = {"selection": {"rows": [row], "columns": [], "cells": []}}
    page.session_state["studies 0"] = click
    page.run()
    assert page.title[0].value == "first"
    assert page.selectbox(key="study").value == "first"
    page.session_state["studies 0"] = click  # of a browser that has not heard yet
    page.selectbox(key="study").set_value(ALL).run()
    assert page.title[0].value == "stagewise"


def test_studies_beside_each_other_have_a_column_each(storage: Path) -> None:
    studies = [StudyReader(storage / name).read() for name in ("first", "second")]
    table = side_by_side(studies)
    assert table.columns == ("", "first", "second")
    rows = {name: cells for name, *cells in table.rows}
    assert rows["found by"] == ["winner of stage dropout", "winner of the joint search"]
    assert rows["trials"] == [str(len(study.trials)) for study in studies]
    assert rows["images"] == ["12,194", "12,194"]
    assert all("dropout" in cell for cell in rows["winner"])
    assert all(cell.startswith("mean validation accuracy 0.") for cell in rows["objective"])
    assert differences_between(studies) == []


def test_studies_of_other_data_are_said_not_to_compare(make_study: Make) -> None:
    study = make_study("first", stages=("lr",), epochs=1)
    facts = json.loads((make_study("second", stages=("lr",), epochs=1) / "study.json").read_text())
    facts = {name: value for name, value in facts.items() if name != "digest"}
    other = study.parent / "second"
    (other / "study.json").write_text(json.dumps({**facts, "data_digest": "f" * 32, "split": "kfold:5"}))
    assert differences_between([StudyReader(folder).read() for folder in (study, other)]) == [
        "The studies differ in their data: a figure on one says nothing about the other.",
        "The studies differ in their split: they are evaluated on different rows.",
    ]


def test_study_without_a_winner_stands_beside_another(make_study: Make, tmp_path: Path) -> None:
    study = make_study("first", stages=("lr",), epochs=1)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "study.json").write_text('{"format": 1}')
    table = side_by_side([StudyReader(folder).read() for folder in (study, tmp_path / "begun")])
    assert [cells[2] for cells in table.rows[:7]] == ["-"] * 7


def test_best_so_far_of_each_is_a_curve_over_its_configurations(storage: Path) -> None:
    study = StudyReader(storage / "first").read()
    best = best_by_configuration(study)
    configs = {replace(trial.trial.config, seed=0) for trial in study.trials.values()}
    assert (len(best), best) == (len(configs), sorted(best))
    rows = best_of_each({"<first>": best}, "mean validation accuracy").data.values
    assert {row["label"] for row in rows} == {"<first>"}
    # a point where the best changes, and at both ends
    turns = {1, len(best)} | {
        number for number in range(2, len(best) + 1) if best[number - 1] > best[number - 2]
    }
    assert [row["x"] for row in rows] == sorted(turns)


def test_best_so_far_of_a_study_is_no_lucky_fold_and_no_half_of_a_configuration(tmp_path: Path) -> None:
    ledger, folds = Ledger(tmp_path), ("fold-1", "fold-2")
    ends = [(0.0, 0, 0.9), (0.1, 0, 0.8), (0.1, 1, 0.8), (0.0, 1, 0.5), (0.2, 0, 0.95)]
    for moment, (rate, fold, value) in enumerate(ends, start=1):
        result = make_result(make_trial(folds[fold], dropout=rate), value)
        ledger.record(result)
        os.utime(ledger.path(result.trial), (moment, moment))
    write_json(tmp_path / "study.json", {"format": 1})
    assert best_by_configuration(StudyReader(tmp_path).read()) == [0.8, 0.8]


def test_address_keeps_which_study_stands_beside(storage: Path) -> None:
    page = open_page(storage, study="first", beside="second")
    assert not page.exception
    assert page.selectbox(key="beside").value == "second"
    assert not page.tabs
    assert "after each configuration" in text_of(page)
    page.selectbox(key="beside").set_value(None).run()
    assert page.tabs
