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
    assert reader.read() is reader.read()  # so that what is made of it can be kept, too


def test_reader_sees_what_a_run_writes(make_study: Make, write_live: Callable[..., None]) -> None:
    reader = StudyReader(folder := make_study(stages=("lr",), epochs=2))
    before = reader.read()
    write_live(folder, done=2)
    now = reader.read()
    assert (now is before, now.live and now.live.done) == (False, 2)
    write_live(folder, done=3, begun_at=now.live.begun_at if now.live else "")
    assert (after := reader.read()).live is not None
    assert (after.live.done, after.trials is now.trials) == (3, True)
