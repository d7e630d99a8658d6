"""The joint search: what it tries, what it takes from the ledger, who wins, and how it ends early."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.search import Searcher

from data_prep.errors import InputError
from search.callbacks.callback import Callback
from search.ray_tune.collector import MemberCollector, assignment_of
from search.ray_tune.policy import Policy
from search.space.joint_space import VARIED, Starts, joint_space
from search.space.labels import show_value
from search.strategies.joint import run_joint
from search.strategies.joint_plan import JointPlan
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import JointResult, StageFiles
from tests.search.makers import FakeTrainer, make_problem, make_result
from trainables.hyperparameters import Range
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

SPACE = {"learning_rate": (0.1, 0.001), "dropout": (0.0, 0.25, 0.5)}
WHOLE = joint_space(VARIED, {}, ranges=False)


def by_values(trial: Trial) -> float | None:
    """The best is a learning rate of 0.001 with a dropout of 0.5."""
    return 0.5 + 0.25 * (trial.config.learning_rate == 0.001) + 0.125 * trial.config.dropout


@dataclass
class FakeWorkers:
    """Trains by table lookup until `limit` trials have ended: then the time is up."""

    trainer: FakeTrainer
    limit: int = 10_000
    policies: list[Policy] = field(default_factory=list)

    def train(self, trials: Sequence[Trial], policy: Policy) -> Mapping[str, TrialResult]:
        """Returns by key the results of the first trials, as far as the time allows."""
        self.policies.append(policy)
        return self.trainer(trials[: self.limit - len(self.trainer.trained)])

    def search(
        self, searcher: Any, base: TrialConfig, expected: int, policy: Policy
    ) -> Mapping[str, TrialResult]:
        """Asks `searcher` for one trial after the other, as Tune does with one worker."""
        self.policies.append(policy)
        results: dict[str, TrialResult] = {}
        while len(self.trainer.trained) < self.limit:
            name = f"ray-{len(results)}"
            suggested = searcher.suggest(name)
            if suggested == Searcher.FINISHED:
                break
            config = TrialConfig.from_dict(suggested["trial"]["config"])
            trial = self.trainer.problem.trial(config, suggested["trial"]["split"])
            results |= self.trainer([trial])
            value = results[trial.key].mean_val_accuracy
            searcher.on_trial_complete(name, {searcher.metric: value})
        return results


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def plan_of(problem: Problem, **fields: Any) -> JointPlan:
    plain: dict[str, Any] = {
        "problem": problem,
        "base": TrialConfig(epochs=2),
        "taken_over": {"batch_size": "default"},
        "space": SPACE,
        "search": "grid",
        "scheduler": "none",
        "samples": None,
        "time_budget_s": None,
        "repeats": 1,
    }
    return JointPlan(**{**plain, **fields})


def run(
    plan: JointPlan,
    folder: Path,
    accuracy: Callable[[Trial], float | None] = by_values,
    limit: int = 10_000,
) -> tuple[JointResult, FakeWorkers]:
    ledger = Ledger(folder)
    workers = FakeWorkers(FakeTrainer(plan.problem, ledger, accuracy), limit)
    return run_joint(plan, ledger, workers), workers


def test_plan_of_a_grid_lists_every_configuration_on_every_split(tmp_path: Path, problem: Problem) -> None:
    assert len(plan_of(problem).trials()) == 6
    assert len(plan_of(problem, space=WHOLE).trials()) == 576
    assert len(plan_of(make_problem(tmp_path, "kfold:2")).trials()) == 12


def test_plan_of_random_samples_lists_them(problem: Problem) -> None:
    plan = plan_of(problem, search="random", samples=4)
    trials = plan.trials()
    assert len({trial.key for trial in trials}) == 4
    assert plan.trials() == trials


def test_plan_of_a_searcher_lists_nothing_before(problem: Problem) -> None:
    assert plan_of(problem, search="tpe", samples=4).trials() == []


def test_plan_settings_are_plain_json(problem: Problem) -> None:
    space = {"learning_rate": Range(1e-5, 0.1, log=True), "hidden_units": ((64, 32), (8, 4))}
    settings = plan_of(problem, space=space, search="tpe", samples=4).settings()
    assert json.loads(json.dumps(settings))["space"] == {
        "learning_rate": [1e-5, 0.1],
        "hidden_units": [[64, 32], [8, 4]],
    }
    assert (settings["search"], settings["scheduler"], settings["num_samples"]) == ("tpe", "none", 4)


@pytest.mark.parametrize(
    "fields",
    [{"search": "tpe", "samples": 4}, {"scheduler": "asha"}, {"scheduler": "median"}],
    ids=["tpe", "asha", "median"],
)
def test_plan_refuses_what_compares_runs_of_one_split_on_several(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"compares runs of one split, --split folds has 5; use random or"):
        plan_of(make_problem(tmp_path, "folds"), **fields)


def test_plan_label_names_what_is_varied(tmp_path: Path, problem: Problem) -> None:
    plan, repeated = plan_of(problem), plan_of(problem, repeats=3)
    folds = plan_of(make_problem(tmp_path, "kfold:2"))
    assert plan.label(plan.trials()[1]) == "learning rate 0.1, dropout 0.25"
    assert repeated.label(plan.trials()[0]) == "learning rate 0.1, dropout 0, seed 7"
    assert folds.label(folds.trials()[0]) == "learning rate 0.1, dropout 0, kfold-2-0"


def test_plan_of_a_population_has_members_that_no_ledger_knows(problem: Problem) -> None:
    space = {"learning_rate": Range(1e-5, 0.1, log=True)}
    drawn = plan_of(problem, space=space, search="random", samples=3)
    members = replace(drawn, scheduler="pbt")
    assert [trial.config for trial in members.trials()] == [trial.config for trial in drawn.trials()]
    assert not {trial.key for trial in members.trials()} & {trial.key for trial in drawn.trials()}


def test_member_is_called_by_its_number_when_the_workers_tell_of_it(problem: Problem) -> None:
    space = {"learning_rate": Range(1e-5, 0.1, log=True)}
    plan = plan_of(problem, space=space, search="random", samples=3, scheduler="pbt")
    heard = Heard([])
    collector = MemberCollector(problem, heard)
    for number, member in enumerate(plan.trials()):
        assigned = {"trial": assignment_of(replace(member, start=""))}
        collector.on_trial_start(1, [], SimpleNamespace(trial_id=str(number), config=assigned))
    assert heard.trials == plan.trials()
    rate = show_value(plan.trials()[1].config.learning_rate)
    assert plan.label(heard.trials[1]) == f"member 2, from learning rate {rate}"


@dataclass
class Heard(Callback):
    """A callback that keeps the trials that began."""

    trials: list[Trial]

    def trial_started(self, trial: Trial) -> None:
        """Keeps it."""
        self.trials.append(trial)


def test_statement_counts_the_configurations_that_tie(problem: Problem, tmp_path: Path) -> None:
    result, _ = run(plan_of(problem, repeats=3), tmp_path, lambda trial: 0.5)
    assert "not told apart from 4 others" in result.statement
    assert result.statement.count("learning rate") == 1


def test_grid_trains_every_configuration_once_and_names_the_best(problem: Problem, tmp_path: Path) -> None:
    result, workers = run(plan_of(problem), tmp_path)
    assert len({trial.key for trial in workers.trainer.trained}) == len(workers.trainer.trained) == 6
    assert result.winner == TrialConfig(epochs=2, learning_rate=0.001, dropout=0.5)
    assert (result.stage, result.verdict) == ("joint", "single")
    assert result.statement.startswith("learning rate 0.001, dropout 0.5 has the best value; one run each")


def test_table_has_the_best_first_and_no_more_than_ten(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem, space={"dropout": tuple(number / 20 for number in range(12))})
    result, _ = run(plan, tmp_path, lambda trial: trial.config.dropout)
    assert [entry.config.dropout for entry in result.entries] == [number / 20 for number in range(11, 1, -1)]


def test_result_remembers_the_search_and_all_its_trials(problem: Problem, tmp_path: Path) -> None:
    result, workers = run(plan_of(problem), tmp_path, lambda trial: trial.config.dropout or None)
    assert result.trials == tuple(trial.key for trial in workers.trainer.trained)
    assert result.counts == {"completed": 4, "stopped": 0, "failed": 2}
    assert "6 trials: 4 completed, 0 stopped early, 2 failed" in result.notes


class LastEndsFirst(FakeWorkers):
    """Workers whose trials end in the other order, as where one is trained again."""

    def train(self, trials: Sequence[Trial], policy: Policy) -> Mapping[str, TrialResult]:
        return dict(reversed(super().train(trials, policy).items()))


def test_grid_whose_trials_end_in_another_order_has_the_same_result(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem)
    there, other = (Ledger(tmp_path / name) for name in ("there", "other"))
    result = run_joint(plan, there, FakeWorkers(FakeTrainer(problem, there, lambda _: 0.5)))
    again = run_joint(plan, other, LastEndsFirst(FakeTrainer(problem, other, lambda _: 0.5)))
    assert (again.winner, again.trials) == (result.winner, result.trials)


def test_result_breaks_the_errors_of_the_winner_down(problem: Problem, tmp_path: Path) -> None:
    result, _ = run(plan_of(problem), tmp_path)
    assert result.breakdown
    assert result.breakdown["n"] == 16


def test_result_keeps_the_importance_and_a_search_run_again_takes_it(
    problem: Problem, tmp_path: Path
) -> None:
    space = {"dropout": (0.0, 0.1, 0.2, 0.3), "learning_rate": (0.01, 0.001, 0.0001)}
    result, _ = run(plan_of(problem, space=space), tmp_path, lambda trial: trial.config.dropout)
    found = result.importance
    assert found is not None
    assert (set(found.names), found.trials) == ({"dropout", "learning_rate"}, 12)
    files = StageFiles(tmp_path)
    files.write(result)
    assert files.find("joint") == result
    files.write(replace(result, importance=replace(found, explained=0.125)))  # which no forest would say
    again, _ = run(plan_of(problem, space=space), tmp_path, lambda trial: trial.config.dropout)
    assert again.importance is not None
    assert again.importance.explained == 0.125
    more, _ = run(plan_of(problem, space={**space, "l2": (0.0, 0.1)}), tmp_path, lambda trial: 0.5)
    assert more.importance is not None
    assert more.importance.trials == 24


def test_search_run_again_trains_nothing_and_marks_everything_reused(
    problem: Problem, tmp_path: Path
) -> None:
    first, _ = run(plan_of(problem), tmp_path)
    second, workers = run(plan_of(problem), tmp_path)
    assert workers.trainer.trained == []
    assert second.winner == first.winner
    assert all(entry.reused for entry in second.entries)
    assert not any(entry.reused for entry in first.entries)


def test_search_over_splits_averages_them(tmp_path: Path) -> None:
    def accuracy(trial: Trial) -> float | None:
        if (trial.config.dropout, trial.split) == (0.25, "kfold-2-1"):
            return None
        return by_values(trial)

    result, _ = run(plan_of(make_problem(tmp_path, "kfold:2")), tmp_path, accuracy)
    assert {entry.config.dropout for entry in result.entries} == {0.0, 0.5}  # all runs must complete
    assert {len(entry.trials) for entry in result.entries} == {2}


@pytest.mark.parametrize(("scheduler", "trained"), [("none", 6), ("asha", 5)])
def test_stopped_trial_has_ended_only_for_a_search_that_stops_trials(
    problem: Problem, tmp_path: Path, scheduler: str, trained: int
) -> None:
    plan = plan_of(problem, scheduler=scheduler)
    Ledger(tmp_path).record(make_result(plan.trials()[0], 0.9, status=TrialStatus.STOPPED))
    _, workers = run(plan, tmp_path)
    assert len(workers.trainer.trained) == trained


@pytest.mark.parametrize(
    ("scheduler", "has_one", "pausing"),
    [("none", False, False), ("asha", True, False), ("hyperband", True, True), ("median", True, True)],
)
def test_policy_follows_the_scheduler(
    problem: Problem, tmp_path: Path, scheduler: str, has_one: bool, pausing: bool
) -> None:
    _, workers = run(plan_of(problem, scheduler=scheduler), tmp_path)
    (policy,) = workers.policies
    assert (policy.scheduler is not None, policy.pausing) == (has_one, pausing)
    assert math.isinf(policy.deadline)


def test_policy_ends_with_the_time_budget(problem: Problem, tmp_path: Path) -> None:
    _, workers = run(plan_of(problem, time_budget_s=3600, repeats=2), tmp_path)
    search, repeats = workers.policies
    assert search.deadline == repeats.deadline
    left = search.seconds_left()
    assert left is not None
    assert 3500 < left <= 3600


def test_time_over_ends_with_what_there_is(problem: Problem, tmp_path: Path) -> None:
    result, _ = run(plan_of(problem), tmp_path, limit=2)
    assert len(result.entries) == 2
    assert result.winner == TrialConfig(epochs=2, learning_rate=0.1, dropout=0.25)


@pytest.mark.parametrize(
    ("limit", "said"),
    [(0, r"ran to its end \(the time was up\)"), (6, r"ran to its end \(the loss is nan in epoch 1\)")],
    ids=["time", "all failed"],
)
def test_search_where_nothing_finished(problem: Problem, tmp_path: Path, limit: int, said: str) -> None:
    with pytest.raises(InputError, match=rf"no configuration of the joint search {said}; run the same"):
        run(plan_of(problem), tmp_path, lambda trial: None, limit)


def only_fresh_seeds_differ(trial: Trial) -> float | None:
    """With the first seed 0.5 looks best, with every other one 0.25 is."""
    if trial.config.seed == 7:
        return by_values(trial)
    return 0.875 if trial.config.dropout == 0.25 else 0.5


def test_repeats_run_the_best_five_with_fresh_seeds_which_alone_decide(
    problem: Problem, tmp_path: Path
) -> None:
    result, workers = run(plan_of(problem, repeats=3), tmp_path, only_fresh_seeds_differ)
    repeated = workers.trainer.asked[1]
    assert len(repeated) == 15
    assert {trial.config.seed for trial in repeated} == {8, 9, 10}
    assert result.protocol.seeds == (8, 9, 10)
    assert len(result.entries) == 5
    assert result.winner
    assert (result.winner.dropout, result.winner.seed) == (0.25, 8)
    assert "the best 5 were run again with 3 fresh seeds, which alone decide" in result.notes


def test_repeats_are_not_trained_again(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem, repeats=3)
    run(plan, tmp_path)
    result, workers = run(plan, tmp_path)
    assert workers.trainer.trained == []
    assert [entry.reused for entry in result.entries] == [entry.trials for entry in result.entries]


def test_repeats_that_the_time_did_not_allow_leave_the_search_as_it_was(
    problem: Problem, tmp_path: Path
) -> None:
    result, _ = run(plan_of(problem, repeats=3), tmp_path, limit=8)
    assert result.winner == TrialConfig(epochs=2, learning_rate=0.001, dropout=0.5)
    assert result.verdict == "single"
    assert "none of the best ran to its end with 3 fresh seeds: one run each decides" in result.notes


def test_repeats_that_the_time_allowed_for_some_decide_between_those(
    problem: Problem, tmp_path: Path
) -> None:
    result, _ = run(plan_of(problem, repeats=3), tmp_path, limit=6 + 11)
    assert result.winner == TrialConfig(epochs=2, learning_rate=0.001, dropout=0.5, seed=8)
    assert [entry.status for entry in result.entries] == ["COMPLETED"] + ["STOPPED"] * 4


def test_searcher_tries_as_many_as_asked_each_once(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem, space=WHOLE, search="tpe", samples=8)
    result, workers = run(plan, tmp_path)
    assert len({trial.key for trial in workers.trainer.trained}) == len(workers.trainer.trained) == 8
    assert len(result.trials) == 8


def test_searcher_of_a_small_grid_ends(problem: Problem, tmp_path: Path) -> None:
    result, workers = run(plan_of(problem, search="tpe", samples=50), tmp_path)
    assert len(workers.trainer.trained) == 6
    assert result.winner
    assert result.winner.dropout == 0.5


def test_searcher_is_told_what_the_ledger_has(problem: Problem, tmp_path: Path) -> None:
    run(plan_of(problem), tmp_path)
    result, workers = run(plan_of(problem, search="tpe", samples=4), tmp_path)
    assert workers.trainer.trained == []
    assert all(entry.reused for entry in result.entries)


def test_searcher_with_a_larger_budget_continues(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem, space=WHOLE, search="tpe", samples=4)
    first, _ = run(plan, tmp_path)
    second, workers = run(replace(plan, samples=6), tmp_path)
    assert len(workers.trainer.trained) == 2
    assert second.trials[:4] == first.trials


def test_searcher_that_was_finished_asks_no_worker(problem: Problem, tmp_path: Path) -> None:
    plan = plan_of(problem, space=WHOLE, search="tpe", samples=4)
    run(plan, tmp_path)
    result, workers = run(plan, tmp_path)
    assert workers.policies == []
    assert len(result.entries) == 4


STARTS = Starts(
    study="faces",
    configs=(TrialConfig(epochs=2, learning_rate=0.001, dropout=0.5),),
    notes=("begins with the best configuration of faces",),
)


@pytest.mark.parametrize(("search", "samples"), [("grid", None), ("random", 4), ("tpe", 4)])
def test_search_begins_with_the_best_of_another_study(
    search: str, samples: int | None, problem: Problem, tmp_path: Path
) -> None:
    plan = plan_of(problem, search=search, samples=samples, starts=STARTS)
    result, workers = run(plan, tmp_path)
    assert workers.trainer.trained[0].config == STARTS.configs[0]
    assert len(workers.trainer.trained) == len(set(result.trials)) == (samples or 6)
    assert (result.notes[0], result.settings["start_from"]) == (STARTS.notes[0], "faces")


def test_searcher_that_is_told_a_study_later_goes_on_with_what_it_has(
    problem: Problem, tmp_path: Path
) -> None:
    plan = plan_of(problem, space=WHOLE, search="tpe", samples=4)
    first, _ = run(plan, tmp_path)
    start = replace(STARTS, configs=(TrialConfig(epochs=2, batch_size=64, dropout=0.5),))
    second, workers = run(replace(plan, samples=6, starts=start), tmp_path)
    assert workers.trainer.trained[0].config == start.configs[0]
    assert (len(workers.trainer.trained), second.trials[:4]) == (2, first.trials)
