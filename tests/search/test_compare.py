from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.compare import main
from search.output.search_summary import compare_studies
from search.space.stages import STAGES
from search.study.stage_results import StageFiles
from search.study.study import Study
from tests.search.makers import make_stage_result
from trainables.trial import TrialConfig

MakeStudy = Callable[..., Path]


def test_compare_has_the_winner_that_fine_tuning_takes(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_study("both", stages=("lr",), joint=4)
    tuned = TrialConfig(epochs=20, dropout=0.4)
    again = replace(tuned, dropout=0.0, learning_rate=0.1)
    for stage, winner, day in (("dropout", tuned, 1), ("lr", again, 2)):
        hyperparameter = STAGES[stage].hyperparameter
        finished_at = f"2025-01-0{day}"
        StageFiles(folder).write(
            make_stage_result(stage, hyperparameter, winner=winner, finished_at=finished_at)
        )
    staged, _ = compare_studies([Study(folder).snapshot()])
    assert (staged.winner["learning_rate"], staged.winner["dropout"]) == (0.1, 0.4)
    assert (staged.best, staged.runs) == (None, 0)  # the two were never trained together
    assert main([str(folder)]) == 0
    assert "no trial has all of the winner's values" in capsys.readouterr().out


def test_damaged_stage_is_named_and_the_rest_is_compared(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_study("both", stages=("lr", "dropout"), joint=4)
    (folder / "stages" / "lr.json").write_text("{")
    assert main([str(folder)]) == 0
    output = capsys.readouterr()
    assert output.err.startswith(f"warning: {folder / 'stages' / 'lr.json'} is damaged (")
    assert "both staged (dropout)" in output.out


def test_main_prints_a_table_that_fits(make_study: MakeStudy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_study("both", stages=("lr", "dropout"), joint=True)
    assert main([str(folder)]) == 0
    output = capsys.readouterr().out
    assert "both staged (lr," in output
    assert max(map(len, output.splitlines())) <= 80


def test_main_prints_json(make_study: MakeStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(make_study("both", stages=("lr",), joint=True)), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first.keys() >= {"study", "way", "best", "trials", "seconds", "winner", "verdict"}
    assert second["way"].startswith("joint")


def test_main_names_the_studies_that_are_there(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_study("there", stages=("lr",))
    assert main(["away", "--storage", str(folder.parent)]) == 1
    assert "error: there is no study away in" in (error := capsys.readouterr().err)
    assert "(there: there)" in error
