"""Tables of 80 columns for a person, and the JSON that scripts may rely on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from search.options.parser import parse_options
from search.output.json_objects import plan_json, result_json
from search.output.tables import print_estimate, print_notes, print_plan, print_setting, print_stage
from search.space.stages import STAGES
from search.statistics.baselines import LINEAR, Baseline
from search.strategies.estimate import Estimate
from search.strategies.joint_plan import JointPlan
from search.strategies.plans import joint_plan
from search.strategies.staged import StagePlan
from search.study.facts import StudyFacts
from search.study.ledger import Ledger
from search.study.outcome import Outcome
from search.study.setup import Problem
from search.study.stage_results import ComparisonProtocol, Entry, StageResult
from tests.search.makers import (
    make_entry,
    make_joint_result,
    make_population_result,
    make_problem,
    make_result,
    make_stage_result,
)
from trainables.trial import TrialConfig, TrialStatus

NAN = math.nan
WINNER = TrialConfig()
OTHER = TrialConfig(learning_rate=0.1)


def printed(show: Callable[[Console], None], width: int = 80) -> list[str]:
    file = StringIO()
    show(Console(file=file, width=width, color_system=None))
    return file.getvalue().splitlines()


def row_of(label: str, *entries: Entry, **fields: Any) -> str:
    result = make_stage_result(winner=WINNER, entries=entries, **fields)
    lines = printed(lambda console: print_stage(result, console))
    (row,) = (line for line in lines if line.startswith(f"{label} "))
    return " ".join(row.split())


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        (make_entry(0.5, WINNER), "0.5 0.8750 0.9000 3 1.5 winner"),
        (make_entry(0.5, OTHER, tied=True), "0.5 0.8750 0.9000 3 1.5 tied"),
        (make_entry(0.5, OTHER, tied=False), "0.5 0.8750 0.9000 3 1.5 worse"),
        (make_entry(0.5, WINNER, reused=("0123456789abcdef",)), "0.5 0.8750 0.9000 3 1.5 winner"),
        (
            make_entry(
                0.5,
                OTHER,
                status="FAILED",
                reason="diverged",
                mean=NAN,
                best_val_accuracy=NAN,
                best_epoch=None,
            ),
            "0.5 - - - 1.5 FAILED",
        ),
        (make_entry(0.5, OTHER, status="STOPPED"), "0.5 0.8750 0.9000 3 1.5 STOPPED"),
        (
            make_entry(0.5, OTHER, trials=("a", "b", "c"), reused=("b",), spread=0.0125),
            "0.5 0.8750 0.0125 0.9000 3 1.5",
        ),
    ],
    ids=["winner", "tied", "told apart", "reused", "failed", "stopped", "repeated"],
)
def test_row_of(entry: Entry, row: str) -> None:
    assert row_of("0.5", entry, verdict="tied") == row


def test_table_has_a_spread_only_where_runs_were_repeated() -> None:
    one, repeated = (
        printed(lambda console, trials=trials: print_stage(result_of(trials), console))  # type: ignore[misc]
        for trials in (("a",), ("a", "b"))
    )
    assert "±" not in " ".join(one)
    assert "±" in " ".join(repeated)


def result_of(trials: tuple[str, ...]) -> StageResult:
    return make_stage_result(entries=(make_entry(trials=trials),))


def test_table_says_what_it_is_and_who_won() -> None:
    lines = printed(lambda console: print_stage(make_stage_result(notes=("it is drawn",)), console))
    assert lines[0].strip() == "Stage lr"
    assert lines[1].split() == ["learning", "rate", "mean", "val", "acc", "best", "epoch", "seconds"]
    assert " ".join(lines).endswith("winner: 0.001 has the best value; one run each, so it may be chance")


def test_what_columns_mean_and_what_is_noted_is_said_once_for_all_tables() -> None:
    results = [make_stage_result(name, notes=("it is drawn",)) for name in ("lr", "l2")]
    assert printed(lambda console: print_notes(results, console)) == [
        "mean val acc: mean over the epochs of the validation accuracy",
        "note: it is drawn",
    ]


def test_lines_below_the_table_say_why_a_row_failed_and_what_was_trained_before() -> None:
    failed = make_entry(
        0.5, OTHER, trials=("a", "b"), reused=("a",), status="FAILED", reason="the loss is nan"
    )
    lines = printed(lambda console: print_stage(make_stage_result(entries=(failed,)), console))
    assert "0.5: FAILED: the loss is nan" in lines
    assert "1 of 2 trials were trained before" in lines


def test_only_linear_classifier_is_called_without_its_backbone() -> None:
    title, backbone = "linear classifier on keras:MobileNetV2", "keras:MobileNetV2"
    linear = Baseline(name=LINEAR, title=title, backbone=backbone, accuracies={"a": 0.875}, balanced={})
    entry = make_entry(0.5, trials=("a", "b"), spread=0.01, train_accuracy_at_inference=0.6, seconds=12345.6)
    result = make_stage_result(baselines=(linear,), entries=(entry,))
    lines = printed(lambda console: print_stage(result, console))  # whole, with all columns there are
    assert "linear classifier 0.8750 baseline" in [" ".join(line.split()) for line in lines]


WIDE = {
    "joint": make_joint_result(
        settings={"space": {"batch_size": [], "learning_rate": [], "hidden_units": [], "dropout": []}},
        entries=(
            make_entry(None, WINNER, trials=("a", "b"), spread=0.0125, seconds=86400.25),
            make_entry(None, OTHER, trials=("a", "b"), reused=("a",), tied=True),
        ),
        winner=WINNER,
        notes=("a long note " * 12,),
    ),
    "failed": make_stage_result(
        "neurons",
        "hidden_units",
        entries=(
            make_entry((1024, 512, 256), trials=("a", "b"), status="FAILED", reason="its worker died " * 12),
        ),
        statement="1024/512/256 has the best mean, tied with many others " * 4,
    ),
}


@pytest.mark.parametrize("name", WIDE)
def test_table_keeps_80_columns_and_cuts_nothing_off(name: str) -> None:
    lines = printed(lambda console: print_stage(WIDE[name], console))
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert "0.8750" in " ".join(lines)


def test_joint_label_names_what_is_varied() -> None:
    lines = printed(lambda console: print_stage(WIDE["joint"], console))
    assert lines[0].strip() == "Joint search"
    words = " ".join(lines).split()
    for word in ("batch", "size", "32,", "0.001,", "1024/512/256,", "dropout"):
        assert word in words


def test_member_of_a_population_is_called_by_its_number() -> None:
    members = {"number": 3}, {"number": 1}
    entries = make_entry(None, WINNER), make_entry(None, OTHER)
    result = make_population_result(
        settings={"space": {"dropout": [0.01, 0.5]}}, members=members, entries=entries, winner=WINNER
    )
    lines = printed(lambda console: print_stage(result, console))
    assert [line.split()[:4] for line in lines[2:4]] == [
        ["member", number, "dropout", "0"] for number in ("3:", "1:")
    ]


def test_data_is_no_markup() -> None:
    reason = "[/job:localhost/device:GPU:0] :bug:"
    failed = make_entry(0.1, OTHER, status="FAILED", reason=reason)
    result = make_stage_result(entries=(make_entry(), failed), notes=(reason,), statement=f"[bold]{reason}")
    lines = "\n".join(printed(lambda console: print_stage(result, console), width=160))
    lines += "\n".join(printed(lambda console: print_notes([result], console), width=160))
    assert f"FAILED: {reason}" in lines
    assert f"note: {reason}" in lines
    assert f"winner: [bold]{reason}" in lines


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


@pytest.fixture
def plan(problem: Problem) -> StagePlan:
    taken_over = {"batch_size": "stage batch_size", "dropout": "default", "l2": "default"}
    return StagePlan(STAGES["lr"], TrialConfig(batch_size=16), taken_over, problem, (7,))


def test_setting_says_data_networks_and_where_values_come_from(plan: StagePlan) -> None:
    assert printed(lambda console: print_setting(plan, console)) == [
        "data      80 photographs, 40 subjects, split random, classes cat, dog",
        "networks  random weights, Keras on tensorflow",
        "values    stage batch_size: batch size 16; default: dropout 0, L2 0",
    ]


def test_setting_says_drawn(tmp_path: Path) -> None:
    drawn = StagePlan(STAGES["lr"], TrialConfig(), {}, make_problem(tmp_path, source="sample"), (7,))
    lines = printed(lambda console: print_setting(drawn, console))
    assert lines[0].startswith("data      80 drawn faces (no photographs)")


def test_plan_says_what_is_to_train(plan: StagePlan) -> None:
    first, *rest = plan.trials()
    lines = printed(lambda console: print_plan(plan, {trial.key: trial for trial in rest}, console))
    assert lines[0] == f"{first.key}  done      0.1"
    assert [line.split()[1:] for line in lines[1:]] == [
        ["to", "train", value] for value in ("0.001", "0.0003", "1e-05")
    ]


def test_plan_lists_the_first_40_and_counts_the_rest(problem: Problem) -> None:
    plan = StagePlan(STAGES["lr"], TrialConfig(), {}, problem, tuple(range(11)))
    lines = printed(lambda console: print_plan(plan, {}, console))
    assert len(lines) == 41
    assert lines[-1] == "… and 4 more"


@pytest.fixture
def population(problem: Problem, tmp_path: Path) -> JointPlan:
    command = "--mode joint --search random --num-samples 2 --scheduler pbt --learning-rate 0.1"
    return joint_plan(parse_options(command.split()), problem, tmp_path)


def test_plan_of_a_population_says_that_every_member_is_trained_anew(population: JointPlan) -> None:
    missing = {trial.key: trial for trial in population.trials()}
    first, *members = printed(lambda console: print_plan(population, missing, console))
    assert first == "2 members, trained anew"
    assert [line.split()[1:6] for line in members] == [
        ["to", "train", "member", number, "from"] for number in ("1,", "2,")
    ]
    said = plan_json([population], Path("demo"), missing, Estimate(7, 0, 3, measured=True))
    assert said["notes"] == ["2 members, trained anew"]
    assert [trial["done"] for trial in said["trials"]] == [False, False]


@pytest.mark.parametrize(
    ("measured", "basis"),
    [(True, "from this study's trials"), (False, "a rough guess, nothing was timed here yet")],
)
def test_estimate_says_what_it_rests_on(measured: bool, basis: str) -> None:
    expected = Estimate(trial_s=60, feature_s=18, compile_s=9, measured=measured, start_s=3)
    assert printed(lambda console: print_estimate(4, expected, console)) == [
        "4 trials to train, about 1:30 on one worker, of which features take 0:18 and compiling 0:09 "
        f"({basis})"
    ]


def test_estimate_of_one_trial() -> None:
    lines = printed(lambda console: print_estimate(1, Estimate(60, 18, 9, measured=True), console))
    assert lines[0].startswith("1 trial to train, about")


def test_plan_json(plan: StagePlan, tmp_path: Path) -> None:
    first, *rest = plan.trials()
    said = plan_json(
        [plan], tmp_path / "demo", {trial.key: trial for trial in rest}, Estimate(7, 0, 3, measured=True)
    )
    assert json.loads(json.dumps(said)) == said
    assert (said["study"], said["estimated_seconds"]) == ("demo", 19)
    assert said["trials"][0] == {
        "key": first.key,
        "config": first.config.to_dict(),
        "split": "random",
        "done": True,
    }
    assert [trial["done"] for trial in said["trials"]] == [True, False, False, False]


MADE_OF = StudyFacts(data_digest="d1", source="sample", weights="none", keras_backend="tensorflow")
TRIAL_KEYS = {
    "key",
    "config",
    "split",
    "status",
    "reason",
    "value",
    "best_val_accuracy",
    "train_accuracy_at_inference",
    "one_class_epochs",
    "best_epoch",
    "epochs",
    "seconds",
    "reused",
}


@pytest.mark.parametrize(
    ("one_class", "remarks"),
    [
        (18, ["0.5: one class only in 18 of 20 epochs"]),
        (0, []),
    ],
)
def test_row_has_the_training_accuracy_at_inference_and_marks_epochs_of_one_class(
    one_class: int, remarks: list[str]
) -> None:
    entry = make_entry(0.5, OTHER, train_accuracy_at_inference=0.61, one_class_epochs=one_class, epochs=20)
    result = make_stage_result(entries=(entry,))
    lines = printed(lambda console: print_stage(result, console))
    assert "0.5 0.8750 0.9000 3 0.6100 1.5" in [" ".join(line.split()) for line in lines]
    assert [line for line in lines if "one class" in line] == remarks
    notes = printed(lambda console: print_notes([result], console))
    assert "train: accuracy on training rows at inference, after the last epoch" in notes


def test_result_json_has_the_promised_keys(problem: Problem, tmp_path: Path) -> None:
    ledger, trial = Ledger(tmp_path), problem.trial(WINNER, "random")
    ledger.record(make_result(trial, 0.5, 0.75))
    result = make_stage_result(entries=(make_entry(trials=(trial.key,), reused=(trial.key,)),))
    said = result_json(Outcome([result]), tmp_path / "demo", MADE_OF, ledger, 3.5)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    promised = {"study", "stage", "objective", "data_digest", "trials", "winner", "seconds"}
    assert {name: said[name] for name in promised - {"trials"}} == {
        "study": "demo",
        "stage": "lr",
        "objective": {"metric": "mean_val_accuracy", "mode": "max"},
        "data_digest": "d1",
        "winner": WINNER.to_dict(),
        "seconds": 3.5,
    }
    (row,) = said["trials"]
    assert set(row) == TRIAL_KEYS
    assert (row["key"], row["config"], row["status"]) == (trial.key, WINNER.to_dict(), "COMPLETED")
    assert (row["value"], row["best_val_accuracy"], row["best_epoch"]) == (0.625, 0.75, 2)
    assert [epoch["val_accuracy"] for epoch in row["epochs"]] == [0.5, 0.75]
    assert row["reused"] is True


def test_result_json_says_drawn_weights_and_verdict(tmp_path: Path) -> None:
    said = result_json(
        Outcome([make_stage_result()], reading={"accuracy": 0.9}), tmp_path, MADE_OF, Ledger(tmp_path), 1.0
    )
    assert (said["drawn"], said["weights"], said["keras_backend"]) == (True, "none", "tensorflow")
    assert (said["verdict"], said["split"], said["final"]) == ("single", "random", {"accuracy": 0.9})


def test_result_json_of_a_failed_trial_has_null(problem: Problem, tmp_path: Path) -> None:
    ledger, trial = Ledger(tmp_path), problem.trial(WINNER, "random")
    ledger.record(make_result(trial, status=TrialStatus.FAILED, reason="diverged"))
    result = make_stage_result(winner=None, verdict="none", entries=(make_entry(trials=(trial.key,)),))
    said = result_json(Outcome([result]), tmp_path, MADE_OF, ledger, 1.0)
    (row,) = said["trials"]
    assert said["winner"] is None
    assert (row["status"], row["reason"]) == ("FAILED", "diverged")
    assert (row["value"], row["best_val_accuracy"], row["best_epoch"]) == (None, None, None)


def test_result_json_of_a_trial_that_is_not_in_the_ledger_names_its_split_and_seed(tmp_path: Path) -> None:
    protocol = ComparisonProtocol(split="folds", splits=("fold-0", "fold-1"), seeds=(7, 8), level=0.05)
    entry = make_entry(trials=("a", "b", "c", "d"), status="FAILED", reason="its worker died")
    said = result_json(
        Outcome([make_stage_result(entries=(entry,), protocol=protocol)]),
        tmp_path,
        MADE_OF,
        Ledger(tmp_path),
        1,
    )
    assert {frozenset(row) for row in said["trials"]} == {frozenset(TRIAL_KEYS)}
    assert [(row["split"], row["config"]["seed"]) for row in said["trials"]] == [
        ("fold-0", 7),
        ("fold-0", 8),
        ("fold-1", 7),
        ("fold-1", 8),
    ]


def test_result_json_of_several_stages_has_each_trial_once(problem: Problem, tmp_path: Path) -> None:
    ledger, trial = Ledger(tmp_path), problem.trial(WINNER, "random")
    ledger.record(make_result(trial, 0.5))
    trained, reused = (
        make_stage_result(stage, entries=(make_entry(trials=(trial.key,), reused=keys),))
        for stage, keys in (("lr", ()), ("dropout", (trial.key,)))
    )
    said = result_json(Outcome([trained, reused]), tmp_path, MADE_OF, ledger, 1.0)
    assert said["stage"] == "all"
    assert [(stage["stage"], stage["winner"]) for stage in said["stages"]] == [
        ("lr", WINNER.to_dict()),
        ("dropout", WINNER.to_dict()),
    ]
    assert [row["reused"] for row in said["trials"]] == [False]


@pytest.mark.parametrize(("terminal", "escapes"), [(False, 0), (True, 1)])
def test_table_has_no_colours_off_a_terminal_or_where_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, escapes: int
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = StringIO()
    print_stage(make_stage_result(), Console(file=file, width=80, force_terminal=terminal))
    assert min(1, file.getvalue().count("\x1b[1m")) == escapes  # bold is no colour
    assert not re.search(r"\x1b\[[0-9;]*[349][0-7]m", file.getvalue())
