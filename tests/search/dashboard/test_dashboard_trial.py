"""One trial: its predictions, with and without the data, and the command that trains it again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.dashboard.commands import command_of_trial
from search.dashboard.reading import StudyReader
from search.dashboard.trial.predictions import Predictions, predictions_of
from search.options.parser import parse_options
from search.study.folder import keep_command, open_study
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.snapshot import Snapshot
from tests.search.makers import make_problem, make_result, write_small_manifest
from trainables.trial import TrialConfig

Make = Callable[..., Path]


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    write_small_manifest(tmp_path / "data")
    return make_problem(tmp_path / "data")


@pytest.fixture
def study(tmp_path: Path, problem: Problem) -> Path:
    """A study whose one trial says label 1 of all validation images but the first."""
    folder = tmp_path / "study"
    open_study(folder, problem.facts())
    said = np.full(problem.splits[0].validation.size, 0.75)
    said[0] = 0.25
    trial = problem.trial(TrialConfig(epochs=1), "random")
    Ledger(folder).record(make_result(trial, 0.5), said)
    keep_command(folder, ["--stage", "lr", "--data", str(tmp_path / "data" / "m.parquet")])
    return folder


def told(study: Path) -> Predictions:
    snapshot = StudyReader(study).read()
    (result,) = snapshot.trials.values()
    return predictions_of(snapshot, result)


def test_predictions_are_counted_by_class(study: Path, problem: Problem) -> None:
    found = told(study)
    truth = problem.labels[problem.splits[0].validation]
    first = int(truth[0] == 0)
    cats, dogs = int((truth == 0).sum()), int((truth == 1).sum())
    assert found.table
    assert found.table.rows == [
        ("cat", str(cats), str(first), str(cats - first), "1", "dog"),
        (
            "dog",
            str(dogs),
            str(dogs - 1 + first),
            str(1 - first),
            str(cats + dogs - 1),
            "cat" if not first else "-",
        ),
    ]
    assert found.sentence.startswith(
        f"{dogs - 1 + 2 * first} of {cats + dogs} validation images are right (0."
    )


def test_predictions_without_the_data_are_counted(study: Path) -> None:
    (study.parent / "data" / "m.parquet").unlink()
    found = told(study)
    assert "Which ones are right cannot be said, because the data is not here" in found.sentence
    assert found.table
    assert [row[0] for row in found.table.rows] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("change", "words"), [(b"half", "npy is damaged"), (None, "npy is not in the study")]
)
def test_predictions_that_are_gone_or_changed_are_said_and_stay(
    study: Path, change: bytes | None, words: str
) -> None:
    (path,) = (study / "predictions").iterdir()
    path.write_bytes(change) if change else path.unlink()
    found = told(study)
    assert found.table is None
    assert words in found.sentence
    assert path.exists() is bool(change)


def test_predictions_of_other_data_are_not_judged(study: Path) -> None:
    snapshot = StudyReader(study).read()
    (result,) = snapshot.trials.values()
    other = replace(result, trial=replace(result.trial, data_digest="0" * 64))
    Layout(study).predictions(result.trial.key).rename(Layout(study).predictions(other.trial.key))
    assert "is not the data that the trial saw" in predictions_of(snapshot, other).sentence


def test_trial_as_a_command_trains_it_alone_in_a_study_of_its_own(make_study: Make) -> None:
    snapshot: Snapshot = StudyReader(make_study(stages=("dropout",), epochs=2, repeats=2)).read()
    for result in snapshot.trials.values():
        command = command_of_trial(snapshot, result.trial, "dropout")
        asked = parse_options(shlex.split(command.replace("MANIFEST", "m.parquet"))[3:])
        (tried,) = asked.stage_called("dropout").configs(replace(TrialConfig(), **asked.given))
        assert tried == result.trial.config
        assert asked.study.name == f"fake-{result.trial.key[:8]}"
