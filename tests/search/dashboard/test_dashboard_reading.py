"""A study that the page reads again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.dashboard.reading import StudyReader

Make = Callable[..., Path]


def test_reader_gives_stages_trials_and_facts(make_study: Make) -> None:
    snapshot = StudyReader(make_study(stages=("lr",), epochs=2, joint=6)).read()
    assert [result.stage for result in snapshot.results] == ["lr", "joint"]
    assert set(snapshot.ended_at) == set(snapshot.trials)
    assert snapshot.facts.images == 12_194
    assert (snapshot.unread, snapshot.live) == ([], None)


def test_reader_keeps_what_it_parsed_while_nothing_changes(make_study: Make) -> None:
    reader = StudyReader(make_study(stages=("lr",), epochs=2))
    assert reader.read().trials is reader.read().trials
