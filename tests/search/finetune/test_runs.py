"""Training what fine-tuning needs: once, in order, with weights where others start."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from search.finetune.plan import FinetunePlan
from search.finetune.runs import require_weights, run_finetune
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.setup import Problem
from tests.search.makers import FakeTrainer, make_result
from trainables.objective import OBJECTIVES
from trainables.training.state_file import write_state
from trainables.trial import LAST, Trial, TrialResult

MakePlan = Callable[..., FinetunePlan]


def by_column(trial: Trial) -> float:
    """Pretraining helps, the untuned configuration is the worst; seeds differ a little."""
    base = 0.9 if trial.start else 0.7 if trial.config.batch_size == 64 else 0.8
    return base + trial.config.seed / 1000


@dataclass
class FakeWorkers:
    """Trains by table lookup and leaves weights where they are to be kept; `asked` says of each call."""

    study: Path
    accuracy: Callable[[Trial], float | None] = by_column
    asked: list[tuple[str, str, list[str], list[str]]] = field(default_factory=list)

    def __call__(
        self, problem: Problem, search: SearchId, trials: Sequence[Trial], keep: Collection[str]
    ) -> Mapping[str, TrialResult]:
        """Returns by key how `trials` ended."""
        self.asked.append((problem.protocol, str(search), [trial.key for trial in trials], list(keep)))
        results = FakeTrainer(problem, Ledger(self.study), self.accuracy)(trials)
        for key in results.keys() & set(keep):
            folder = Layout(self.study).weights / key
            folder.mkdir(parents=True, exist_ok=True)
            write_state(folder / LAST, {}, [])
        return results

    @property
    def trained(self) -> list[str]:
        """The keys of all trials that were trained, in order."""
        return [key for _, _, keys, _ in self.asked for key in keys]


@pytest.fixture
def workers(tmp_path: Path) -> FakeWorkers:
    return FakeWorkers(tmp_path / "study")


def run(plan: FinetunePlan, workers: FakeWorkers) -> FinetuneResult:
    return run_finetune(plan, Ledger(workers.study), workers)


def test_pretraining_comes_first_and_keeps_its_weights(make_plan: MakePlan, workers: FakeWorkers) -> None:
    plan = make_plan()
    run(plan, workers)
    protocol, title, keys, kept = workers.asked[0]
    assert (protocol, title) == ("pretraining", "pretraining")
    assert keys == sorted(kept, key=keys.index) == [trial.key for trial in plan.pretraining_runs()]
    assert sorted(workers.trained) == sorted(trial.key for trial in plan.trials())


def test_blocks_come_after_the_heads_that_they_start_from(make_plan: MakePlan, workers: FakeWorkers) -> None:
    plan = make_plan(blocks=(1,))
    run(plan, workers)
    (blocks,) = plan.block_columns()
    order = workers.trained
    assert all(order.index(trial.key) > order.index(trial.start) for trial in blocks.runs)


def test_same_plan_again_trains_nothing(make_plan: MakePlan, workers: FakeWorkers) -> None:
    first = run(make_plan(blocks=(1,)), workers)
    count = len(workers.trained)
    again = run(make_plan(blocks=(1,)), workers)
    assert len(workers.trained) == count
    assert replace(again, seconds=0, finished_at="") == replace(first, seconds=0, finished_at="")


def test_trials_of_the_search_are_not_trained_again(make_plan: MakePlan, workers: FakeWorkers) -> None:
    plan = make_plan()
    tuned = plan.head_columns()[1]
    ledger = Ledger(workers.study)
    for trial in tuned.runs:
        ledger.record(make_result(trial, 0.5, 0.8), np.full(16, 0.75))
    run(plan, workers)
    assert not {trial.key for trial in tuned.runs} & set(workers.trained)


def test_weights_that_are_gone_are_trained_again_and_the_ledger_stays(
    make_plan: MakePlan, workers: FakeWorkers
) -> None:
    plan = make_plan()
    tuned = plan.head_columns()[1].runs[0]
    ledger = Ledger(workers.study)
    ledger.record(make_result(tuned, 0.807, 0.807), np.full(16, 0.75))
    before = ledger.find(tuned)
    require_weights(plan, tuned, ledger, workers)
    assert workers.trained == [tuned.key]
    require_weights(plan, tuned, ledger, workers)
    assert workers.trained == [tuned.key]
    assert ledger.find(tuned) == before


def test_other_numbers_than_the_ledgers_are_told(make_plan: MakePlan, workers: FakeWorkers) -> None:
    plan = make_plan()
    tuned = plan.head_columns()[1].runs[0]
    ledger = Ledger(workers.study)
    ledger.record(make_result(tuned, 0.5, 0.5), np.full(16, 0.75))
    with pytest.warns(UserWarning, match=f"the trial {tuned.key} was trained again for its weights and gave"):
        require_weights(plan, tuned, ledger, workers)


def test_pretraining_that_fails_ends_with_its_reason(make_plan: MakePlan, workers: FakeWorkers) -> None:
    workers.accuracy = lambda trial: None if trial.split == "pretraining" else 0.5
    with pytest.raises(
        InputError, match=r"from whose weights others start, did not complete \(the loss is nan"
    ):
        run(make_plan(), workers)


def test_result_has_the_figures_of_the_last_epoch(make_plan: MakePlan, workers: FakeWorkers) -> None:
    result = run(make_plan(), workers)
    untuned, tuned, pretrained = result.columns
    assert pretrained.figures["val_accuracy"] == (pytest.approx(0.9075), pytest.approx(0.000707, rel=1e-3))
    assert tuned.figures["accuracy"] == (pytest.approx(0.9), pytest.approx(0.0))
    assert pretrained.figures["auc"][0] == pytest.approx(0.5)
    assert untuned.figures.keys() == {"accuracy", "val_accuracy", "loss", "val_loss", "auc"}


def test_result_names_the_winner_and_how_sure_that_is(make_plan: MakePlan, workers: FakeWorkers) -> None:
    one = run(make_plan(seeds=(7,)), workers)
    assert (one.winner, one.verdict) == ("pretrained", "single")
    many = run(make_plan(seeds=tuple(range(7, 15))), workers)
    assert many.winner == "pretrained"
    assert many.statement.startswith(
        "tuned, pretrained on CelebA wins clearly: better than every other by 0.1"
    )
    assert many.columns[1].difference == pytest.approx(0.1)


def test_result_says_what_it_was_pretrained_on(make_plan: MakePlan, workers: FakeWorkers) -> None:
    facts = run(make_plan(), workers).pretraining
    assert facts is not None
    assert (facts["source"], facts["images"], facts["epochs"]) == ("celeba", 60, 2)
    assert facts["train"] + facts["validation"] < 60
    assert run(make_plan(pretraining=None), workers).pretraining is None


def test_column_that_fails_says_why_and_the_others_are_compared(
    make_plan: MakePlan, workers: FakeWorkers
) -> None:
    workers.accuracy = lambda trial: None if trial.config.batch_size == 64 else by_column(trial)
    result = run(make_plan(), workers)
    assert result.columns[0].figures["accuracy"] == (None, None)
    assert result.columns[0].reason == "the loss is nan in epoch 1"
    assert result.winner == "pretrained"


@pytest.mark.parametrize(
    ("searched_by", "decides", "says"),
    [
        ("mean_val_accuracy", "val_accuracy", "search was decided by the mean validation accuracy."),
        ("best_val_accuracy", "val_accuracy", "decided by the validation accuracy of the best epoch."),
        ("val_accuracy", "val_accuracy", ""),
        ("balanced_accuracy", "balanced_accuracy", ""),
    ],
)
def test_ways_are_compared_by_the_objective_of_the_search_where_the_model_has_it(
    make_plan: MakePlan, workers: FakeWorkers, searched_by: str, decides: str, says: str
) -> None:
    result = run(make_plan(searched_by=OBJECTIVES[searched_by]), workers)
    assert result.objective == OBJECTIVES[decides]
    assert result.decided_by.endswith(says) if says else result.decided_by == ""
    assert result.metrics[-1] == ("auc" if decides == "val_accuracy" else decides)
    assert all(column.figures[decides][0] is not None for column in result.columns)
    read = FinetuneResult.from_dict(json.loads(json.dumps(result.to_dict())))
    assert (read.objective, read.decided_by) == (result.objective, result.decided_by)


def test_least_log_loss_wins(make_plan: MakePlan, workers: FakeWorkers) -> None:
    result = run(make_plan(searched_by=OBJECTIVES["log_loss"], seeds=(7,)), workers)
    losses = {column.name: column.figures["log_loss"][0] for column in result.columns}
    assert losses[result.winner or ""] == min(loss for loss in losses.values() if loss is not None)


def test_weights_that_are_damaged_are_trained_again(make_plan: MakePlan, workers: FakeWorkers) -> None:
    plan = make_plan()
    run(plan, workers)
    key = plan.pretraining_runs()[0].key
    (Layout(workers.study).weights / key / LAST).write_bytes(b"damaged")
    workers.asked.clear()
    with pytest.warns(UserWarning, match=r"last\.npz are damaged; the trial is trained again"):
        run(plan, workers)
    assert workers.trained == [key]
