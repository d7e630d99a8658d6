"""A study that is read again and again: what is parsed once, what is said of damaged files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.dashboard.reading import StudyReader
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial

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


def test_reader_sees_a_new_trial_and_parses_only_that(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    reader = StudyReader(folder)
    before = reader.read().trials
    trial = make_trial(learning_rate=0.5)
    Ledger(folder).record(make_result(trial, 0.75))
    after = reader.read().trials
    assert set(after) - set(before) == {trial.key}
    assert all(after[key] is result for key, result in before.items())


def test_reader_forgets_a_trial_whose_file_is_gone(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    reader = StudyReader(folder)
    key = next(iter(reader.read().trials))
    (folder / "trials" / f"{key}.json").unlink()
    assert key not in reader.read().trials


@pytest.mark.parametrize("name", ["study.json", "stages/lr.json", "final.json", "live.json"])
def test_reader_names_a_damaged_file_and_shows_the_rest(make_study: Make, name: str) -> None:
    folder = make_study(stages=("lr", "dropout"), epochs=2)
    (folder / name).write_text('{"half of')
    snapshot = StudyReader(folder).read()
    assert any(name in line for line in snapshot.unread)
    assert snapshot.stage("dropout")
    assert snapshot.trials


def test_reader_changes_nothing_in_the_study(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    (damaged := next((folder / "trials").iterdir())).write_text("damaged")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert damaged.name in StudyReader(folder).read().unread[0]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_reader_of_a_file_being_written(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    (folder / "trials" / f".0123.json.{os.getpid()}.part").write_text('{"half of')
    assert StudyReader(folder).read().unread == []


def test_reader_where_there_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist \(yet\); start a search"):
        StudyReader(tmp_path / "nowhere").read()
    with pytest.raises(InputError, match=r"holds no study \(yet\): it has no study.json"):
        StudyReader(tmp_path).read()
