"""A population: which members start from what, and what is said of the one that wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from search.options.parser import parse_options
from search.ray_tune.collector import Member
from search.ray_tune.policy import Policy
from search.space.labels import show_value
from search.strategies.joint_plan import JointPlan
from search.strategies.plans import joint_plan
from search.strategies.population import run_population
from search.study.setup import Problem
from tests.search.makers import make_epochs, make_problem
from trainables.trial import MEMBER, TrialConfig, TrialStatus


@dataclass
class FakePopulation:
    """Trains two epochs of members, of which the later one is the better; all end at a dropout of 0.25."""

    problem: Problem
    started_from: list[TrialConfig] = field(default_factory=list)

    def population(self, configs: Sequence[TrialConfig], split: str, policy: Policy) -> list[Member]:
        """Returns the members that started from `configs`."""
        self.started_from += configs
        return [
            Member(
                start=start,
                trial=self.problem.trial(replace(start, dropout=0.25), split),
                known_as=self.problem.trial(start, split, MEMBER),
                epochs=make_epochs([number / 10] * 2),
                values=({"dropout": start.dropout}, {"dropout": 0.25}),
                status=TrialStatus.COMPLETED,
                reason="",
            )
            for number, start in enumerate(configs)
        ]


@pytest.fixture
def plan(tmp_path: Path) -> JointPlan:
    command = "--mode joint --search random --num-samples 3 --scheduler pbt --epochs 2"
    return joint_plan(parse_options(command.split()), make_problem(tmp_path), tmp_path)


def test_members_start_from_what_the_plan_lists(plan: JointPlan) -> None:
    workers = FakePopulation(plan.problem)
    run_population(plan, workers)
    assert workers.started_from == [trial.config for trial in plan.trials()]


def test_members_keep_their_numbers_in_table_and_statement(plan: JointPlan) -> None:
    result = run_population(plan, FakePopulation(plan.problem))
    assert [member["number"] for member in result.members] == [3, 2, 1]
    first = show_value(plan.trials()[2].config.dropout)
    assert result.statement == (
        f"member 3 has the best value; its lineage went from dropout {first} to 0.25; "
        "one run each, so it may be chance"
    )


def test_members_carry_the_keys_by_which_callbacks_hear_of_them(plan: JointPlan) -> None:
    result = run_population(plan, FakePopulation(plan.problem))
    heard_of = [trial.key for trial in plan.trials()]
    assert [member["key"] for member in result.members] == heard_of[::-1]
