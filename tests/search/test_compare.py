from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.compare import Line, compare_studies, main
from search.space.stages import STAGES
from search.study.stage_results import StageFiles
from search.study.study import Study
from tests.search.makers import make_stage_result
from trainables.trial import TrialConfig

MakeStudy = Callable[..., Path]


def compare(*folders: Path) -> list[Line]:
    return compare_studies([Study(folder).snapshot() for folder in folders])


def test_compare_puts_staged_beside_joint(make_study: MakeStudy) -> None:
    folder = make_study("both", stages=("lr", "dropout"), joint=True)
    staged, joint = compare(folder)
    assert staged.way == "staged (lr, dropout)"
    assert joint.way.startswith("joint (")
    assert staged.trials > 0
    assert joint.trials > 0
    assert staged.seconds > 0
    assert {"learning_rate", "dropout"} <= staged.winner.keys()


def test_compare_takes_two_studies(make_study: MakeStudy) -> None:
    lines = compare(make_study("one", stages=("lr",)), make_study("two", stages=("lr",)))
    assert [line.study for line in lines] == ["one", "two"]


def test_compare_refuses_other_data(make_study: MakeStudy) -> None:
    folders = [make_study("one", stages=("lr",)), make_study("two", stages=("lr",), data_digest="other")]
    with pytest.raises(ValueError, match=r"same data can be compared: data_digest is .* leave one out"):
        compare(*folders)


def test_compare_refuses_a_study_beside_itself(make_study: MakeStudy, tmp_path: Path) -> None:
    folder = make_study("one", stages=("lr",), joint=4)
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match=r"compared with others, .*one stands there twice; name it once"):
        compare(folder, tmp_path / "x" / ".." / "one")


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
    staged, _ = compare(folder)
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


def test_compare_needs_two_searches(make_study: MakeStudy) -> None:
    with pytest.raises(ValueError, match="needs two finished searches"):
        compare(make_study("one", stages=("lr",)))


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
