"""The chain of stages while a search runs, after it, and where it was cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from data_prep.storage.json_files import write_json
from search.dashboard.overview import overview
from search.dashboard.reading import StudyReader
from search.dashboard.stage_progress import (
    Link,
    chain_of,
    latest_result,
    margin_of,
    plan_seconds_left,
    searched,
)
from search.space.labels import show_value
from search.statistics.selection import TESTED
from search.study.folder import keep_command
from search.study.live_state import read_live
from tests.search.makers import make_column, make_entry, make_finetune_result, make_stage_result
from trainables.trial import TrialConfig

Make = Callable[..., Path]
Write = Callable[..., None]


def chain(folder: Path) -> list[Link]:
    return chain_of(StudyReader(folder).read())


def test_chain_of_decided_stages_says_what_each_took_over(make_study: Make) -> None:
    first, second = chain(make_study(stages=("batch_size", "lr"), repeats=3, epochs=4))
    assert (first.title, first.state, first.published) == ("Batch size", "done", "32")
    assert second.taken_over == {"batch size": first.winner}
    assert second.verdict in TESTED


def test_chain_of_a_running_search_shows_what_is_to_come(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder)
    links = chain(folder)
    assert [(link.title, link.state) for link in links[1:]] == [
        ("Learning rate", "running"),
        ("Dropout at each dense layer", "waiting"),
    ]
    assert (links[1].progress, links[1].margin, links[1].time) == (0.25, "1 of 4 trials", "0:41 left")


def test_link_has_value_score_and_verdict(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=4, joint=12)
    lr, joint = chain(folder)
    result = StudyReader(folder).read().stage("lr")
    assert result
    assert result.winner
    assert (lr.winner, lr.verdict) == (show_value(result.winner.learning_rate), "single")
    assert lr.score == f"{result.entry_of(result.winner).mean:.4f}"
    assert joint.winner.startswith("batch size ")


def test_final_model_is_a_link(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    result = make_finetune_result(make_column("tuned", "tuned"))
    write_json(folder / "finetune.json", result.to_dict())
    link = chain(folder)[-1]
    assert (link.title, link.state, link.winner, link.score) == ("Final model", "done", "tuned", "0.9000")


@pytest.mark.parametrize(
    ("finished_at", "title"),
    [("2099-01-01T00:00:00", "Final model"), ("2000-01-01T00:00:00", "Learning rate")],
)
def test_latest_result_is_what_was_decided_last(make_study: Make, finished_at: str, title: str) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    result = replace(make_finetune_result(make_column("tuned", "tuned")), finished_at=finished_at)
    write_json(folder / "finetune.json", result.to_dict())
    latest = latest_result(StudyReader(folder).read())
    assert latest
    assert latest[0] == title
    assert overview(folder).loc[0, "latest result"].startswith(title)


def test_time_left_of_the_whole_plan_counts_the_stages_to_come_by_their_steps(
    make_study: Make, write_live: Write
) -> None:
    folder = make_study(stages=("batch_size",), epochs=3)
    keep_command(folder, ["--stage", "all", "--epochs", "3", "--repeats", "2"])
    write_live(folder, asked={"stages": ["lr", "dropout"]})
    snapshot = StudyReader(folder).read()
    winner = snapshot.results[-1].winner
    assert winner
    pace = median(
        epoch.seconds * trial.trial.config.batch_size
        for trial in snapshot.trials.values()
        for epoch in trial.epochs[1:]
    )
    dropout = 6 * 2 * winner.epochs / winner.batch_size * pace  # six values, two seeds
    assert plan_seconds_left(snapshot) == pytest.approx(41 + dropout)


def test_time_left_is_not_known_where_nothing_runs(make_study: Make) -> None:
    assert plan_seconds_left(StudyReader(make_study(stages=("lr",), epochs=2)).read()) is None


def test_chain_of_a_stage_that_was_decided_in_this_run(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    long_ago = "2020-01-01T00:00:00.000+00:00"
    write_live(folder, started_at=long_ago, begun_at=long_ago)
    assert [(link.title, link.state) for link in chain(folder)] == [
        ("Learning rate", "done"),
        ("Dropout at each dense layer", "waiting"),
    ]


def test_chain_shows_what_is_trained_besides_stages(make_study: Make, write_live: Write) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    write_live(folder, search="held-out data", asked={})
    assert [(link.title, link.state) for link in chain(folder)[1:]] == [("Held-out data", "running")]


@pytest.mark.parametrize(("state", "shown"), [("interrupted", "interrupted"), ("ended", "not decided")])
def test_chain_of_a_search_that_was_cut(make_study: Make, write_live: Write, state: str, shown: str) -> None:
    folder = make_study(stages=("batch_size",), epochs=2)
    write_live(folder, state=state)
    assert [(link.title, link.state) for link in chain(folder)[1:]] == [("Learning rate", shown)]


@pytest.mark.parametrize(
    ("search", "stage"),
    [("stage lr", "lr"), ("joint tpe", "joint"), ("held-out data", ""), ("stage unknown", ""), ("", "")],
)
def test_searched(make_study: Make, write_live: Write, search: str, stage: str) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    write_live(folder, search=search)
    live = read_live(folder)
    assert live
    assert searched(live) == stage


@pytest.mark.parametrize(
    ("verdict", "tied", "words"),
    [
        ("clear", False, "ahead by 0.0100 (0.0050 to 0.0150)"),
        ("tied", True, "tied with 0.1"),
        ("undecided", True, "not told apart from 0.1"),
        ("equivalent", True, "equivalent to 0.1"),
        ("single", None, "one run each, so it may be chance"),
    ],
)
def test_margin_of(verdict: str, tied: bool | None, words: str) -> None:
    other: dict[str, Any] = {"difference": 0.01, "interval": (0.005, 0.015), "tied": tied}
    entries = (make_entry(), make_entry(0.1, TrialConfig(learning_rate=0.1), **other))
    assert margin_of(make_stage_result(entries=entries, verdict=verdict)) == words


def test_margin_of_a_stage_without_a_winner() -> None:
    result = make_stage_result(verdict="none", entries=(make_entry(),))
    assert margin_of(type(result)(**{**vars(result), "winner": None})) == "nothing finished"
