"""A snapshot of a study: what is parsed once, and what is said of files that cannot be read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.study.facts import StudyFacts
from search.study.ledger import Ledger
from search.study.snapshot import SnapshotReader
from tests.search.makers import make_result, make_trial, unseal

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("study.json", "restore it or give another --study name"),
        ("stages/lr.json", "the next run of the stage decides it again from its trials"),
        ("final.json", "restore it from a copy"),
        ("finetune.json", "remove it and run the stage again, which reuses its trials"),
        ("command.json", "remove it, the next run writes it again"),
        ("live.json", "remove it, the next run writes it again"),
    ],
)
def test_damaged_file_is_named_with_a_way_out_and_the_rest_is_there(
    make_study: Make, name: str, said: str
) -> None:
    folder = make_study(stages=("lr", "dropout"), epochs=1)
    (folder / name).write_text("[]")
    snapshot = SnapshotReader(folder).read()
    (sentence,) = snapshot.unread
    assert sentence.startswith(f"{folder / name} is damaged (")
    assert sentence.endswith(f"; {said}")
    assert (snapshot.stage("dropout") is None, len(snapshot.trials)) == (False, 9)
    assert (snapshot.facts == StudyFacts()) is (name == "study.json")


def test_file_of_no_stage_is_named(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    for name in ("sharpness.json", "lr.x.json"):
        (folder / "stages" / name).write_text("{}")
    said = [
        f"{folder / 'stages' / name} is not a stage's file; remove it"
        for name in ("lr.x.json", "sharpness.json")
    ]
    assert SnapshotReader(folder).read().unread == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"key": "', '"key": "f', r"the key f.* is not that of the configuration"),
        ('"loss": ', '"lost": ', r"unexpected keyword argument 'lost'"),
        ('"val_loss": ', '"val_loss": 1e999, "seconds": ', "it holds inf, which is not finite"),
        ("{", "", "Extra data"),
    ],
)
def test_damaged_trial_is_named_and_stays(make_study: Make, old: str, new: str, said: str) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    path = min((folder / "trials").iterdir())
    unseal(path, format=0)
    path.write_text(path.read_text().replace(old, new, 1))
    snapshot = SnapshotReader(folder).read()
    (sentence,) = snapshot.unread
    assert re.match(rf"{re.escape(str(path))} is damaged \(.*{said}", sentence)
    assert path.stem not in snapshot.trials
    assert path.exists()


def test_nothing_is_parsed_again_while_nothing_changes(make_study: Make) -> None:
    reader = SnapshotReader(make_study(stages=("lr",), epochs=1))
    assert reader.without_live() is reader.without_live()


def test_only_what_changed_is_parsed_again(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    reader = SnapshotReader(folder)
    before = reader.read()
    trial = make_trial(learning_rate=0.5)
    Ledger(folder).record(make_result(trial, 0.75))
    after = reader.read()
    assert set(after.trials) - set(before.trials) == {trial.key}
    assert all(after.trials[key] is result for key, result in before.trials.items())
    assert after.stage("lr") is before.stage("lr")


def test_trials_are_counted_where_they_are_not_asked_for(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    min((folder / "trials").iterdir()).write_text("{")
    snapshot = SnapshotReader(folder, trials=False).read()
    assert (snapshot.trials, len(snapshot.ended_at), snapshot.unread) == ({}, 4, [])


def test_photographs_are_those_beside_the_final_model(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    assert SnapshotReader(folder).read().photographs is None
    (folder / "winner").mkdir()
    (folder / "winner" / "photographs.png").write_bytes(b"PNG")
    (folder / "winner" / "model.json").write_text("{}")
    assert SnapshotReader(folder).read().photographs == b"PNG"


def test_folder_in_the_place_of_a_file_is_named(make_study: Make) -> None:
    folder = make_study(stages=(), epochs=1)
    (folder / "stages" / "lr.json").mkdir(parents=True)
    (folder / "trials" / "0123.json").mkdir(parents=True)
    unread = SnapshotReader(folder).read().unread
    assert [sentence.partition(" (")[0] for sentence in unread] == [
        f"{folder / 'stages' / 'lr.json'} is damaged",
        f"{folder / 'trials' / '0123.json'} cannot be read",
    ]


def test_nothing_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist \(yet\); start a search, or give another folder"):
        SnapshotReader(tmp_path / "nowhere").read()
    with pytest.raises(InputError, match=r"holds no study \(yet\): it has no study\.json; start a search"):
        SnapshotReader(tmp_path).read()


def test_reader_forgets_a_trial_whose_file_is_gone(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    reader = SnapshotReader(folder)
    key = next(iter(reader.read().trials))
    (folder / "trials" / f"{key}.json").unlink()
    assert key not in reader.read().trials


def test_reader_changes_nothing_in_the_study(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    (damaged := next((folder / "trials").iterdir())).write_text("damaged")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert damaged.name in SnapshotReader(folder).read().unread[0]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_reader_of_a_file_being_written(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2)
    (folder / "trials" / f".0123.json.{os.getpid()}.part").write_text('{"half of')
    assert SnapshotReader(folder).read().unread == []
