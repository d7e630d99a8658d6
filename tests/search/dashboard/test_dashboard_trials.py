"""The table of trials: which stage and value each belongs to, which are reused, which run; and filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from search.dashboard.reading import StudyReader
from search.dashboard.trials import TRIAL_COLUMNS, filter_trials, trial_label, trial_table
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial

Make = Callable[..., Path]
Write = Callable[..., None]
TRIAL = make_trial(epochs=4, learning_rate=0.1)


def table_of(folder: Path) -> pd.DataFrame:
    return trial_table(StudyReader(folder).read())


@pytest.fixture
def table(make_study: Make) -> pd.DataFrame:
    """Twelve runs of the learning rate; the dropout stage reuses those of the winner."""
    return table_of(make_study(stages=("lr", "dropout"), repeats=3, epochs=4, joint=8))


def test_trial_table_has_a_row_a_trial(table: pd.DataFrame) -> None:
    assert set(TRIAL_COLUMNS) < set(table.columns)
    assert not table["key"].duplicated().any()
    of_lr = table[table["stage"] == "lr"]
    assert sorted(of_lr["value"].unique()) == ["0.0003", "0.001", "0.1", "1e-05"]
    assert sorted(of_lr["seed"].unique()) == [7, 8, 9]


def test_trial_table_marks_the_reused(table: pd.DataFrame) -> None:
    reused = table[table["reused by"] != ""]
    assert set(reused["stage"]) == {"lr"}
    assert set(reused[reused["reused by"].str.contains("dropout")]["value"]) == {"0.001"}


def test_trial_table_shows_the_hyperparameters_that_differ(table: pd.DataFrame) -> None:
    assert {"learning rate", "dropout", "batch size"} <= set(table.columns)
    assert "L2" not in table.columns


def test_trial_table_shows_running_trials_first(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, running={TRIAL: [0.5, 0.75]})
    first = table_of(folder).iloc[0]
    assert (first["status"], first["stage"], first["value"]) == ("RUNNING", "lr", "0.1")
    assert (first["epochs"], first["of"], first["objective"], first["best epoch"]) == (2, 4, 0.625, 2)


def test_trial_table_before_the_first_epoch(tmp_path: Path, write_live: Write) -> None:
    write_live(tmp_path, running={TRIAL: []})
    (tmp_path / "study.json").write_text('{"format": 1}')
    (row,) = table_of(tmp_path).to_dict("records")
    assert math.isnan(row["objective"])


def test_trial_table_of_a_run_that_was_killed_shows_no_running_trial(
    make_study: Make, write_live: Write
) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, running={TRIAL: [0.5]}, written_at="2020-01-01T00:00:00+00:00")
    assert "RUNNING" not in set(table_of(folder)["status"])


def test_trial_table_shows_a_failed_trial_that_is_in_no_ledger(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, failed=TRIAL, state="ended")
    first = table_of(folder).iloc[0]
    assert (first["status"], first["reason"], first["key"]) == ("FAILED", "its worker died", TRIAL.key)


def test_trial_table_gives_a_fresh_trial_to_the_stage_that_runs(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, begun_at="2020-01-01T00:00:00+00:00")
    Ledger(folder).record(make_result(TRIAL, 0.5))
    row = table_of(folder).set_index("key").loc[TRIAL.key]
    assert (row["stage"], row["value"]) == ("lr", "0.1")


def test_trial_table_of_a_study_without_trials(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"format": 1}')
    assert table_of(tmp_path).empty


def test_filter_trials_without_a_wish_keeps_all(table: pd.DataFrame) -> None:
    assert len(filter_trials(table)) == len(table)


def test_filter_trials_by_stage_keeps_what_it_reused(table: pd.DataFrame) -> None:
    kept = filter_trials(table, stages=["dropout"])
    assert set(kept["stage"]) == {"lr", "dropout"}
    assert len(kept) == 18


def test_filter_trials_by_status_value_and_accuracy(table: pd.DataFrame) -> None:
    assert set(filter_trials(table, statuses=["STOPPED"])["stage"]) == {"joint"}
    assert set(filter_trials(table, values=["0.1"])["value"]) == {"0.1"}
    assert filter_trials(table, least=0.85)["objective"].min() >= 0.85
    assert filter_trials(table, stages=["lr"], statuses=["STOPPED"]).empty


def test_label_of_names_stage_value_seed_and_key(table: pd.DataFrame) -> None:
    row = table[(table["value"] == "0.1") & (table["seed"] == 8) & (table["stage"] == "lr")].iloc[0]
    assert trial_label(row.to_dict()) == f"lr 0.1, seed 8 ({row['key'][:8]})"
