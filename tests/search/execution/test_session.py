"""A session with Ray, and without it where nothing is missing."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from data_prep.errors import InputError
from search.execution.late_driver import LateDriver
from search.execution.session import Session
from search.options.parser import parse_options
from search.strategies.preparation import Prepared
from search.strategies.searches import Searches
from search.strategies.split_worth import split_worth
from search.study.folder import open_study
from search.study.holding.held import held
from search.study.ledger import Ledger
from tests.search.makers import FakeTrainer, make_problem
from tests.search.strategies.test_baselines import write_features


def test_search_whose_trials_are_all_in_the_ledger_starts_no_ray(tmp_path: Path) -> None:
    words = f"--stage lr --epochs 1 --no-tensorboard --wandb disabled --cache {tmp_path / 'cache'}"
    problem, ledger = make_problem(tmp_path), Ledger(tmp_path / "study")
    open_study(ledger.folder, problem.facts())
    prepared = Prepared(options=parse_options(words.split()), problem=problem, ledger=ledger)
    write_features(problem, prepared.options.study.cache)
    train = FakeTrainer(problem, ledger, lambda trial: trial.config.learning_rate)
    workers = SimpleNamespace(train=lambda trials, policy: train(trials))
    (result,) = Searches(prepared, lambda *_: workers, lambda plan: None).results()  # type: ignore[arg-type,return-value]
    split_worth(prepared, result, lambda other, *of: FakeTrainer(other, ledger, lambda _: 0.5)(of[-2]))

    console = Console(file=io.StringIO(), width=300)
    with held(ledger.folder) as sharing:
        session = Session(prepared, console, lambda: None, sharing)  # type: ignore[arg-type,return-value]
        outcome = session.run((), None)
    (again,) = outcome.results
    trained = [entry.trials for entry in result.entries]
    assert (again.winner, [entry.reused for entry in again.entries]) == (result.winner, trained)
    assert "starting Ray" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_features_that_cannot_be_made_again_are_told(tmp_path: Path) -> None:
    def make(backbone: str) -> None:
        raise InputError("the image a.jpg is gone")

    late = LateDriver(SimpleNamespace(), None, SimpleNamespace())  # type: ignore[arg-type]
    vars(late)["driver"] = SimpleNamespace(make_features=make)
    with pytest.warns(UserWarning, match=r"no linear classifier on resnet.* \(the image a.jpg is gone\)"):
        late.make_features("resnet50_v2")
