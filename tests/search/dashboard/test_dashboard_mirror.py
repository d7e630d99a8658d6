"""What lies behind an address: fetched once, again when it changes, and never written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from makers import make_result, make_trial
from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

from data_prep.errors import InputError
from data_prep.remote import is_address, open_address
from search.dashboard.mirror import Mirror
from search.dashboard.reading import StudyReader
from search.dashboard.source import source_of
from search.ledger import Ledger

Make = Callable[..., Path]


def test_mirror_of_a_storage_reads_like_the_storage(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("lr",), epochs=2, joint=6)
    (study / "predictions").mkdir()
    (study / "predictions" / "0123.npy").write_bytes(b"large")
    mirror = Mirror(LocalFileSystem(), str(study.parent), tmp_path / "mirror")
    mirror.update()
    here, there = StudyReader(mirror.folder / study.name).read(), StudyReader(study).read()
    assert here.record.trials == there.record.trials
    assert here.ended_at == pytest.approx(there.ended_at)
    assert not (mirror.folder / study.name / "predictions").exists()


def test_mirror_fetches_what_changed_and_drops_what_is_gone(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("lr",), epochs=2)
    mirror = Mirror(LocalFileSystem(), str(study), tmp_path / "mirror")
    mirror.update()
    kept, gone = sorted((mirror.folder / "trials").iterdir())[:2]
    first = kept.stat().st_ino
    (study / "trials" / gone.name).unlink()
    trial = make_trial(learning_rate=0.5)
    Ledger(study).record(make_result(trial, 0.5))
    mirror.update()
    assert kept.stat().st_ino == first
    assert not gone.exists()
    assert (mirror.folder / "trials" / f"{trial.key}.json").exists()


def test_mirror_of_an_object_store(make_study: Make, tmp_path: Path) -> None:
    study, store = make_study(stages=("lr",), epochs=2), fsspec.filesystem("memory")
    store.put(str(study), "/bucket/fake", recursive=True)
    mirror = Mirror(PyFileSystem(FSSpecHandler(store)), "/bucket", tmp_path / "mirror")
    mirror.update()
    assert len(StudyReader(mirror.folder / "fake").read().record.trials) == 4


def test_source_behind_an_address(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    source = source_of(f"file://{study.parent}")
    assert [folder.name for folder in source.studies()] == [study.name]
    assert source.reader(source.studies()[0]).read().record.stage("lr")


def test_open_address_that_no_file_system_knows() -> None:
    with pytest.raises(InputError, match=r"nothing://there cannot be opened \(.*\); check the address"):
        open_address("nothing://there")


@pytest.mark.parametrize(("text", "is_one"), [("s3://bucket/a", True), ("results", False), ("C:/a", False)])
def test_is_address(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


def test_source_of_a_name_in_the_storage(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    assert source_of(study.name, study.parent).studies() == [study]
    assert source_of("nowhere", study.parent).studies() == []
