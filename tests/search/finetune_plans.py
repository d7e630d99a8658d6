"""A small problem, another to pretrain on, and plans between them: no Ray, no Keras, no images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.splits import PRETRAINING, make_splits
from search.finetune.plan import FinetunePlan
from search.study.setup import Problem
from tests.search.makers import make_manifest, make_problem
from trainables.trial import TrialConfig

WINNER = TrialConfig(backbone="resnet50_v2", dropout=0.5, learning_rate=1e-3, epochs=2)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


@pytest.fixture
def pretraining(problem: Problem, tmp_path: Path) -> Problem:
    """Returns the problem of other images, with CelebA's partition."""
    manifest = make_manifest(tmp_path / "other", subjects=30, source="celeba")
    manifest = replace(manifest, table=manifest.table.assign(fold=lambda table: table["fold"].clip(upper=2)))
    splits = make_splits(manifest, PRETRAINING)
    return replace(problem, manifest=manifest, protocol=PRETRAINING, splits=splits)


@pytest.fixture
def make_plan(problem: Problem, pretraining: Problem) -> Callable[..., FinetunePlan]:
    """Makes a plan with pretraining and two seeds, with changes."""

    def make(**changes: Any) -> FinetunePlan:
        plain = {
            "problem": problem,
            "pretraining": pretraining,
            "winner": WINNER,
            "origin": "stage dropout",
            "seeds": (7, 8),
        }
        return FinetunePlan(**{**plain, **changes})

    return make
