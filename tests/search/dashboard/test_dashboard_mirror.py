"""What lies behind an address: fetched once, again when it changes, and never written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, open_address
from search.dashboard.mirror import Mirror
from search.dashboard.reading import StudyReader
from search.dashboard.source import Source, source_of
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial

Make = Callable[..., Path]


def test_mirror_of_a_storage_reads_like_the_storage(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("lr",), epochs=2, joint=6)
    (study / "predictions").mkdir()
    (study / "predictions" / "0123.npy").write_bytes(b"large")
    mirror = Mirror(LocalFileSystem(), str(study.parent), tmp_path / "mirror")
    mirror.update()
    here, there = StudyReader(mirror.folder / study.name).read(), StudyReader(study).read()
    assert here.trials == there.trials
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
    assert len(StudyReader(mirror.folder / "fake").read().trials) == 4


def test_source_behind_an_address(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    source = source_of(f"file://{study.parent}")
    assert [folder.name for folder in source.studies()] == [study.name]
    assert source.reader(source.studies()[0]).read().stage("lr")


def test_open_address_that_no_file_system_knows() -> None:
    with pytest.raises(InputError, match=r"nothing://there cannot be opened \(.*\); check the address"):
        open_address("nothing://there")


@pytest.mark.parametrize(("text", "is_one"), [("s3://bucket/a", True), ("results", False), ("C:/a", False)])
def test_is_address(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


def test_source_whose_address_fails_later_shows_what_it_has(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("lr",), epochs=1)
    store = Failing(LocalFileSystem(), str(study.parent), tmp_path / "mirror")
    source = Source("s3://bucket/results", [store.folder], store)
    store.fails = True
    with pytest.raises(InputError, match="no route"):
        source.studies()
    store.fails, source._fetched_at = False, None
    assert [folder.name for folder in source.studies()] == [study.name]
    store.fails, source._fetched_at = True, None
    (here,) = source.studies()
    assert source.trouble == "no route"
    assert source.reader(here).read().storage == "s3://bucket/results"


class Failing(Mirror):
    """A mirror of what cannot always be reached."""

    fails = False

    def update(self) -> None:
        """Does what a mirror does, or fails."""
        if self.fails:
            raise InputError("no route")
        super().update()


def test_source_of_a_name_is_in_the_storage_first(make_study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(stages=("lr",), epochs=1)
    monkeypatch.chdir(study.parent.parent)
    Path(study.name).mkdir()  # the photographs
    assert source_of(study.name, study.parent).studies() == [study]


def test_source_of_a_study_that_is_made_later(tmp_path: Path) -> None:
    source = source_of("later", tmp_path / "results")
    assert source.studies() == []
    assert source.first_search == "python -m search.run --stage lr --study later"
    later = tmp_path / "results" / "later"
    later.mkdir(parents=True)
    (later / "study.json").write_text('{"format": 1}')
    assert source.studies() == [later]


def test_source_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(InputError, match=r"mine\.parquet is a file; give the folder of a study"):
        source_of(str(tmp_path / "mine.parquet"))
