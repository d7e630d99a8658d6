"""Searches as they run: what a stage of backbones says of their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.options.parser import parse_options
from search.strategies.preparation import Prepared
from search.strategies.searches import Searches
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.stage_results import StageFiles
from tests.search.makers import FakeTrainer, make_problem
from trainables.trial import Trial, TrialResult


class Workers:
    """Trains by table lookup, whatever the policy."""

    def __init__(self, trainer: FakeTrainer) -> None:
        self._trainer = trainer

    def train(self, trials: Sequence[Trial], policy: Any) -> Mapping[str, TrialResult]:
        """Returns by key how `trials` ended."""
        return self._trainer(trials)


def test_stage_before_whose_file_was_damaged_is_decided_again_from_its_trials(tmp_path: Path) -> None:
    problem, ledger = make_problem(tmp_path), Ledger(tmp_path / "study")
    open_study(ledger.folder, problem.facts())
    trainer = FakeTrainer(problem, ledger, lambda trial: trial.config.learning_rate)

    def searched(words: str) -> list[str]:
        prepared = Prepared(options=parse_options(words.split()), problem=problem, ledger=ledger)
        workers = Workers(trainer)
        return [
            result.stage
            for result in Searches(prepared, lambda *_: workers, lambda plan: None).results()  # type: ignore[arg-type,return-value]
        ]

    assert searched("--stage lr --epochs 1") == ["lr"]
    path = StageFiles(ledger.folder).path("lr")
    path.rename(path.with_suffix(".damaged"))
    assert searched("--stage dropout --epochs 1") == ["lr", "dropout"]
    path.unlink()
    assert searched("--stage dropout --learning-rate 0.01 --epochs 1") == ["dropout"]


def test_stage_of_backbones_says_what_each_costs(tmp_path: Path) -> None:
    words = "--stage backbone --backbone keras:MobileNetV2,resnet50_v2 --epochs 1"
    problem, ledger = make_problem(tmp_path), Ledger(tmp_path / "study")
    open_study(ledger.folder, problem.facts())
    trainer = FakeTrainer(problem, ledger, lambda trial: 0.75)
    prepared = Prepared(options=parse_options(words.split()), problem=problem, ledger=ledger)
    searches = Searches(prepared, lambda *_: Workers(trainer), lambda plan: None)  # type: ignore[arg-type,return-value]
    (result,) = searches.results()
    small, large, *_ = [note for note in result.notes if "million weights" in note]
    assert small.startswith("keras:MobileNetV2: 0.7500 for 2.26 million weights, 0.599 GFLOP")
    assert large.startswith("resnet50_v2: 0.7500 for 23.6 million weights, ")
