"""Curves, machine, overview and commands of studies."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.dashboard.commands import command_around, winner_options
from search.dashboard.curves import first_choice, trial_curves
from search.dashboard.machine import failures, machine_facts, nodes_of, timeline_of
from search.dashboard.overview import overview, studies_in
from search.dashboard.reading import StudyReader
from search.dashboard.trials import best_of, objective_of, trial_table
from search.dashboard.views.joint_view import joint_so_far
from search.options.parser import parse_options
from search.options.search_options import SearchOptions
from search.report.document import Lines, Parallel
from search.study.folder import keep_command
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.live_state import read_live
from tests.search.makers import make_result, make_trial
from trainables.objective import OBJECTIVE, OBJECTIVES
from trainables.trial import TrialConfig, TrialStatus

Make = Callable[..., Path]
Write = Callable[..., None]
TRIAL = make_trial(epochs=4, learning_rate=0.1)


def test_curves_of_a_running_trial_and_its_running_mean(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, running={TRIAL: [0.5, 0.75]})
    snapshot = StudyReader(folder).read()
    table = trial_table(snapshot)
    (curve,) = trial_curves(snapshot, table, [TRIAL.key], "val_accuracy")
    assert (curve.stage, curve.epochs, curve.values) == ("lr", [1, 2], [0.5, 0.75])
    (mean,) = trial_curves(snapshot, table, [TRIAL.key], "val_accuracy", running_mean=True)
    assert mean.values == [0.5, 0.625]


def test_objective_of_a_first_search_is_known_while_it_runs(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=(), epochs=2)
    keep_command(folder, ["--mode", "joint", "--objective", "f1"])
    write_live(folder, running={TRIAL: [0.5]}, search="joint")
    assert objective_of(StudyReader(folder).read()) == OBJECTIVES["f1"]


def test_figures_of_a_running_joint_search_are_of_its_objective() -> None:
    trials = [make_result(make_trial(dropout=rate), 0.9) for rate in (0.1, 0.2)]
    best, parallel = joint_so_far(trials, OBJECTIVES["val_accuracy"])
    assert isinstance(best, Lines)
    assert isinstance(parallel, Parallel)
    assert best.panels[0].y_label == OBJECTIVES["val_accuracy"].name
    assert parallel.axes[-1].label == "val accuracy"


def test_curves_of_unknown_trials_are_left_out(make_study: Make) -> None:
    snapshot = StudyReader(make_study(stages=("lr",), epochs=2)).read()
    assert trial_curves(snapshot, trial_table(snapshot), ["0" * 16], "loss") == []


def test_first_choice_is_the_running_then_the_best(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("lr", "dropout"), epochs=2)
    write_live(folder, running={TRIAL: [0.5]})
    table = trial_table(StudyReader(folder).read())
    chosen = first_choice(table)
    assert chosen[0] == TRIAL.key
    assert chosen[1] == table.loc[table["objective"].idxmax(), "key"]
    assert len(chosen) == 6


def test_best_of_a_loss_is_the_least_and_trials_without_one_come_last(make_study: Make) -> None:
    table = trial_table(StudyReader(make_study(stages=("lr",), epochs=2)).read())
    table["objective"] = [0.3, float("nan"), 0.1, 0.2]
    loss = OBJECTIVES["log_loss"]
    assert best_of(table, 4, loss).index.tolist() == [2, 3, 0, 1]
    assert best_of(table, 2, OBJECTIVE).index.tolist() == [0, 3]
    assert first_choice(table, loss)[0] == table.loc[2, "key"]


def test_failures_tell_the_reason_and_the_last_epochs(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    reason = "the loss is not finite after epoch 2"
    diverged = make_trial(learning_rate=0.5)
    Ledger(folder).record(make_result(diverged, 0.5, status=TrialStatus.FAILED, reason=reason))
    write_live(folder, failed=TRIAL)
    log = Layout(folder).log(TRIAL.key)
    log.parent.mkdir()
    log.write_text("Traceback\nOSError: gone\n", "utf-8")
    lost, kept = failures(StudyReader(folder).read())
    assert lost.reason == "its worker died"
    assert lost.log.splitlines()[-2:] == ["Traceback", "OSError: gone"]
    assert kept.reason == reason
    assert kept.log == "epoch 1: loss 0.5000, val_loss 0.6000, val_accuracy 0.5000"


def test_nodes_of_counts_trials_by_node() -> None:
    trials = [
        replace(make_result(make_trial(seed=seed), 0.5, seconds=3600), made_by={"node": node, "ray": "2"})
        for seed, node in enumerate(("a", "b", "b"))
    ]
    table = nodes_of([*trials, make_result(TRIAL, 0.5)])
    assert table[["node", "trials", "hours"]].to_numpy().tolist() == [["b", 2, 2.0], ["a", 1, 1.0]]
    assert table["device"].tolist() == ["-", "-"]  # of a version that did not note it
    assert nodes_of([]).empty


def test_machine_facts_name_host_and_address(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    write_live(folder, host="head", cluster={"nodes": 2})
    facts = dict(machine_facts(read_live(folder)))
    assert facts["host, process"].startswith("head, ")
    assert (facts["Ray's address"], facts["nodes"]) == ("local", "2")
    assert list(machine_facts(None)) == []


def test_overview_has_a_row_a_study_and_says_what_is_damaged(make_study: Make, write_live: Write) -> None:
    storage = make_study("good", stages=("lr",), epochs=1).parent
    write_live(make_study("running", stages=("batch_size",), epochs=1))
    (make_study("broken", stages=("lr",), epochs=1) / "study.json").write_text("{")
    (storage / "no study").mkdir()
    table = overview(storage).set_index("study")
    assert sorted(table.index) == ["broken", "good", "running"]
    assert str(table.loc["running", "state"]).startswith("running stage lr: 1 of 4 trials, 0:41 left, on ")
    assert str(table.loc["broken", "state"]).startswith("damaged: ")
    assert (table.loc["good", "trials"], table.loc["good", "decided"]) == (4, "Learning rate")
    assert str(table.loc["good", "latest result"]).startswith("Learning rate: 0.001 has the best value")


def test_overview_of_an_empty_storage(tmp_path: Path) -> None:
    assert overview(tmp_path).empty
    assert studies_in(tmp_path / "nowhere") == []


def test_winner_options_are_read_back_as_the_same_configuration() -> None:
    config = TrialConfig(learning_rate=0.000123456789, hidden_units=(512, 256), dropout=0.25, seed=3)
    options = parse_options(["--stage", "l2", *shlex.split(winner_options(config).replace("--l2 0.0", ""))])
    assert TrialConfig.from_dict(options.given) == config
    assert "--learning-rate 0.000123456789" in winner_options(config)


@pytest.mark.parametrize("stage", ["dropout", "joint"])
def test_command_around_is_understood(make_study: Make, stage: str) -> None:
    folder = make_study(stages=("lr", "dropout"), epochs=2, joint=8, split="subject")
    asked = SearchOptions.of(mode="joint", data="mine.parquet", split="subject", cache="features", epochs=2)
    keep_command(folder, asked.words())
    snapshot = StudyReader(folder).read()
    result = snapshot.joint if stage == "joint" else snapshot.stage(stage)
    assert result
    command = command_around(snapshot, result)
    options = parse_options(shlex.split(command)[3:])
    assert (options.study.name, options.study.storage) == ("fake", folder.parent)
    assert (options.data, options.study.cache) == (asked.data, Path("features"))
    assert (options.deciding.repeats, options.held.epochs) == (3, 2)
    assert options.stage == ("dropout" if stage == "dropout" else "lr")


def test_command_around_where_the_manifest_is_not_known(make_study: Make) -> None:
    snapshot = StudyReader(make_study(stages=("lr",), epochs=1)).read()
    assert "--data MANIFEST --weights" in command_around(snapshot, snapshot.results[0])


def test_timeline_has_a_place_for_each_trial_at_a_time(make_study: Make) -> None:
    folder = make_study(stages=(), epochs=1)
    ledger, moments = (
        Ledger(folder),
        {1: 100, 2: 100, 3: 200, 4: 350},
    )  # seeds, and when their files were written
    for seed, moment in moments.items():
        made_by = {"node": "second" if seed == 4 else "first"}
        trial = make_trial(seed=seed)
        ledger.record(replace(make_result(trial, 0.5), seconds=90.0, made_by=made_by))
        os.utime(ledger.path(trial), (moment, moment))
    ran = timeline_of(StudyReader(folder).read())
    assert [(each.node, each.place) for each in ran] == [
        ("first", 1),
        ("first", 1),
        ("first", 2),
        ("second", 1),
    ]
    assert [(each.begin, each.end) for each in ran] == [
        (0, 1.5),
        (pytest.approx(100 / 60), pytest.approx(190 / 60)),
        (0, 1.5),
        (pytest.approx(250 / 60), pytest.approx(340 / 60)),
    ]
