"""What is made of a trial whose worker failed too often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.callbacks.callback import Callback
from search.ray_tune.collector import Collector, MemberCollector, assignment_of
from search.ray_tune.policy import Policy
from tests.search.makers import make_problem
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus
from trainables.worker import ASIDE, ENDED, EPOCH, EPOCHS, MADE_BY, PACK, REASON, SECONDS, STATUS, VALUES


@dataclass
class TuneTrial:
    """What a callback sees of a trial of Tune's."""

    config: dict[str, Any]
    error: Exception | None
    trial_id: str = "1"
    status: str = field(default="ERROR")
    error_file: str | None = None
    max_failures: int = 2
    last_result: dict[str, Any] = field(default_factory=dict)
    run_metadata: Any = field(
        default_factory=lambda: SimpleNamespace(num_failures=1, metric_analysis={}, metric_n_steps={})
    )

    def get_error(self) -> Exception | None:
        """Returns what the worker raised."""
        return self.error

    def should_recover(self) -> bool:
        """Says that it has failed no more often than allowed, as after the first time."""
        return True


@pytest.mark.parametrize(
    ("error", "reason", "log"),
    [
        (RuntimeError("Traceback:\nOSError: gone\n"), "OSError: gone", "Traceback:\nOSError: gone\n"),
        (None, "its worker died", ""),
    ],
)
def test_worker_that_failed_too_often_leaves_its_reason_and_its_words(
    tmp_path: Path, error: Exception | None, reason: str, log: str
) -> None:
    problem = make_problem(tmp_path)
    trial = problem.trial(TrialConfig(epochs=1), "random")
    logs: list[tuple[Trial, str]] = []
    collector = Collector(
        problem, lambda *_: None, Callback(), Policy(), lambda ours, text: logs.append((ours, text))
    )
    failed = TuneTrial({"trial": assignment_of(trial)}, error)
    collector.on_trial_start(1, [], failed)
    collector.on_trial_error(1, [], failed)
    (result,) = collector.results.values()
    assert (result.status, result.reason) == (TrialStatus.FAILED, reason)
    assert logs == [(trial, log)]


def test_trial_that_tune_gave_up_too_early_is_taken_up_as_often_as_it_may_fail(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    given_up = TuneTrial({"trial": assignment_of(problem.trial(TrialConfig(epochs=1), "random"))}, None)
    collector = Collector(problem, lambda *_: None, Callback(), Policy(), lambda *_: None, restarts=1)
    collector.on_trial_error(1, [], given_up)
    assert not collector.results
    assert (collector.take_given_up(), collector.take_given_up()) == ([given_up.config], [])
    collector.on_trial_error(2, [], given_up)
    assert [result.status for result in collector.results.values()] == [TrialStatus.FAILED]


def test_pack_that_begins_again_knows_who_has_ended_and_is_forgotten_at_its_end(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    pair = [problem.trial(TrialConfig(epochs=1, learning_rate=rate), "random") for rate in (1e-2, 1e-3)]
    forgotten: list[list[str]] = []
    begun: list[tuple[str, Trial, object]] = []
    collector = Collector(
        problem, lambda *_: None, Noting(begun), Policy(), lambda *_: None, forget_pack=forgotten.append
    )
    pack = TuneTrial({PACK: [assignment_of(trial) for trial in pair]}, None)
    end = {EPOCHS: [_epoch(1)], STATUS: "COMPLETED", REASON: "", SECONDS: 1.0, MADE_BY: {}}
    collector.on_trial_start(1, [], pack)
    collector.on_trial_result(1, [], pack, {PACK: [end, None]})
    collector.on_trial_recover(1, [], pack)
    assert [member[ENDED] for member in pack.config[PACK]] == [True, False]
    collector.on_trial_start(1, [], pack)
    assert [trial.key for event, trial, _ in begun if event == "started"] == [
        pair[0].key,
        pair[1].key,
        pair[1].key,
    ]
    collector.on_trial_result(1, [], pack, {PACK: [None, end]})
    assert not forgotten
    collector.on_trial_complete(1, [], pack)
    assert forgotten == [[trial.key for trial in pair]]


def test_memory_that_runs_out_has_all_that_waits_trained_later_with_half_as_many_at_a_time(
    tmp_path: Path,
) -> None:
    problem, heard = make_problem(tmp_path), Again([])
    (tmp_path / "error.txt").write_text("Task was killed due to the node running low on memory.")
    statuses = ("PENDING", "RUNNING", "RUNNING", "RUNNING", "PENDING")  # the first has just failed
    trials = [
        TuneTrial(
            {"trial": assignment_of(problem.trial(TrialConfig(epochs=1, seed=number), "random"))},
            None,
            trial_id=str(number),
            status=status,
            error_file=str(tmp_path / "error.txt"),
        )
        for number, status in enumerate(statuses)
    ]
    collector = Collector(problem, lambda *_: None, heard, Policy(), lambda *_: None, lists=True)
    configs = [dict(trial.config) for trial in trials]
    collector.on_trial_recover(1, trials, trials[0])
    assert heard.again == ["memory ran out, trained later, at most 2 at a time"]
    assert [ASIDE in trial.config for trial in trials] == [True, False, False, False, True]
    for trial in (trials[0], trials[4]):
        collector.on_trial_result(1, trials, trial, {ASIDE: True, "done": True})
        collector.on_trial_complete(1, trials, trial)
    assert not collector.results
    assert collector.take_aside() == ([configs[0], configs[4]], 2)
    assert collector.take_aside() == ([], 0)


def test_workers_that_ended_together_before_they_began_count_as_at_a_time(tmp_path: Path) -> None:
    problem, heard = make_problem(tmp_path), Again([])
    text = "4 worker(s) were killed due to the node running low on memory."
    (tmp_path / "error.txt").write_text(text)
    failed = TuneTrial(
        {"trial": assignment_of(problem.trial(TrialConfig(epochs=1), "random"))},
        None,
        status="PENDING",
        error_file=str(tmp_path / "error.txt"),
    )
    collector = Collector(problem, lambda *_: None, heard, Policy(), lambda *_: None, lists=True)
    collector.on_trial_recover(1, [failed], failed)
    assert heard.again == ["memory ran out, trained later, at most 2 at a time"]


@pytest.mark.parametrize(("lists", "others"), [(True, "PENDING"), (False, "RUNNING")])
def test_trial_alone_or_of_a_model_is_started_again_where_memory_ran_out(
    tmp_path: Path, lists: bool, others: str
) -> None:
    problem, heard = make_problem(tmp_path), Again([])
    (tmp_path / "error.txt").write_text("OutOfMemoryError")
    failed = TuneTrial(
        {"trial": assignment_of(problem.trial(TrialConfig(epochs=1), "random"))},
        None,
        status="PENDING",
        error_file=str(tmp_path / "error.txt"),
    )
    collector = Collector(problem, lambda *_: None, heard, Policy(), lambda *_: None, lists=lists)
    collector.on_trial_recover(1, [failed, TuneTrial({}, None, status=others)], failed)
    assert heard.again == ["memory ran out, started again"]
    assert ASIDE not in failed.config


def test_member_of_a_population_is_one_trial_to_those_who_watch(tmp_path: Path) -> None:
    problem = make_problem(tmp_path)
    start, later = (
        problem.trial(TrialConfig(epochs=2, learning_rate=rate), "random") for rate in (1e-2, 1e-3)
    )
    heard: list[tuple[str, Trial, object]] = []
    collector = MemberCollector(problem, Noting(heard))
    member = TuneTrial({"trial": assignment_of(start)}, None)
    collector.on_trial_start(1, [], member)
    collector.on_trial_result(1, [], member, {EPOCH: _epoch(1), VALUES: [{"learning_rate": 1e-2}]})
    member.config = {"trial": assignment_of(later)}
    collector.on_trial_start(1, [], member)
    ends = {EPOCH: _epoch(2), EPOCHS: [_epoch(1), _epoch(2)], STATUS: "COMPLETED", REASON: ""}
    collector.on_trial_result(1, [], member, {**ends, VALUES: [{"learning_rate": 1e-3}] * 2})
    assert [(event, value) for event, _, value in heard] == [
        ("started", None), ("epoch", 1), ("started", None), ("epoch", 2), ("ended", 2),
    ]  # fmt: skip
    assert {(trial.config, trial.key == start.key) for _, trial, _ in heard} == {(start.config, False)}
    (kept,) = collector.members.values()
    assert (kept.start, kept.trial.config, kept.seconds) == (start.config, later.config, 2.0)


@dataclass
class Again(Callback):
    """A callback that writes down why trials begin again."""

    again: list[str]

    def trial_begins_again(self, trial: Trial, why: str) -> None:
        """Notes it."""
        self.again.append(why)


@dataclass
class Noting(Callback):
    """A callback that writes down what it is told."""

    heard: list[tuple[str, Trial, object]]

    def trial_started(self, trial: Trial) -> None:
        """Notes it."""
        self.heard.append(("started", trial, None))

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Notes it."""
        self.heard.append(("epoch", trial, metrics.epoch))

    def trial_ended(self, result: TrialResult) -> None:
        """Notes it."""
        self.heard.append(("ended", result.trial, len(result.epochs)))


def _epoch(number: int) -> dict[str, float]:
    figures = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), 0.5)
    return {"epoch": number, **figures, "learning_rate": 1e-2, "seconds": 1.0}
