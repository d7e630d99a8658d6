from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from search.compare import main
from search.output.search_summary import SearchSummary, compare_studies
from search.space.stages import STAGES
from search.study.ledger import Ledger
from search.study.snapshot import keep_readings, read_final
from search.study.stage_results import StageFiles
from search.study.study import Study
from tests.search.makers import make_result, make_stage_result, make_trial
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


def read_on_parts(folder: Path, search: SearchSummary, accuracies: Sequence[float]) -> None:
    """Writes what --final reads for the winner of `search` on as many held-out parts."""
    trials = [make_trial(f"kfold-5-{part}-test", **search.winner) for part in range(len(accuracies))]
    for trial, accuracy in zip(trials, accuracies, strict=True):
        Ledger(folder).record(make_result(trial, accuracy))
    reading = {"config": trials[0].config.to_dict(), "trials": [trial.key for trial in trials]}
    keep_readings(folder, [*read_final(folder), reading])


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            [(0.5, 0.6, 0.7), (0.61, 0.7, 0.79)],
            r"on held-out data both joint \(.*\) is better than both staged \(lr\) by 0.1000 "
            r"\(95 % interval 0.0\d+ to 0.1\d+ over 3 parts\)",
        ),
        (
            [(0.5, 0.6, 0.7), (0.6, 0.5, 0.75)],
            r"is not told apart from both staged \(lr\): better by 0.0167 \(95 % interval -0.\d+ to",
        ),
        ([(0.5,), (0.75,)], r"is better than both staged \(lr\) by 0.2500; one part gives no interval"),
    ],
    ids=["better", "not told apart", "one part"],
)
def test_searches_are_compared_on_held_out_data(
    parts: list[tuple[float, ...]], said: str, make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_study("both", stages=("lr",), joint=4)
    for search, accuracies in zip(compare_studies([Study(folder).snapshot()]), parts, strict=True):
        read_on_parts(folder, search, accuracies)
    staged, joint = compare_studies([Study(folder).snapshot()])
    assert (staged.held_out_mean, joint.behind) == (pytest.approx(fmean(parts[0])), None)
    assert main([str(folder)]) == 0
    assert re.search(said, " ".join(capsys.readouterr().out.split()))


def test_searches_whose_held_out_data_was_not_read_are_not_compared_on_it(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_study("both", stages=("lr",), joint=4)
    staged, _ = compare_studies([Study(folder).snapshot()])
    read_on_parts(folder, staged, (0.5, 0.6))
    assert main([str(folder)]) == 0
    assert "on held-out data" not in capsys.readouterr().out
