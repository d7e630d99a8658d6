from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.audit.look_file import look_path, looks_of, read_looks, write_looks
from data_prep.build import main
from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from data_prep.pictures.look import Look
from tests.pictures import blobs

MakeLooks = Callable[..., list[Look]]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A manifest of six pictures of the classes cat and dog, built with their looks beside it."""
    for number in range(6):
        path = tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs(seed=number).save(path)
    out = tmp_path / "pets.parquet"
    assert main(["folder", "--root", str(tmp_path / "pets"), "--out", str(out)]) == 0
    return out


def test_looks_survive_writing_and_reading(tmp_path: Path, made_looks: MakeLooks) -> None:
    looks = {f"{row:032x}": look for row, look in enumerate(made_looks(3, camera="Canon"))}
    write_looks(tmp_path / "looks.parquet", looks)
    assert read_looks(tmp_path / "looks.parquet") == looks


@pytest.mark.parametrize("content", [None, b"", b"no parquet"], ids=["missing", "empty", "damaged"])
def test_looks_that_cannot_be_read_are_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "looks.parquet"
    if content is not None:
        path.write_bytes(content)
    assert read_looks(path) == {}


def test_looks_of_another_revision_are_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"digest": ["0"]}), tmp_path / "looks.parquet")
    assert read_looks(tmp_path / "looks.parquet") == {}


def test_looks_of_a_build_are_read_and_no_picture_is_opened(built: Path) -> None:
    manifest = read_manifest(built)
    for path in manifest.image_paths():
        path.unlink()
    assert len({look.pixels for look in looks_of(manifest, look_path(built))}) == 6


def test_looks_that_are_missing_are_taken_again_and_kept(built: Path) -> None:
    manifest, heard = read_manifest(built), []
    before = looks_of(manifest, look_path(built))
    look_path(built).unlink()
    again = looks_of(manifest, look_path(built), lambda done, total: heard.append((done, total)))
    assert again == before
    assert heard == [(done, 6) for done in range(1, 7)]
    assert look_path(built).is_file()


def test_picture_that_has_changed_is_refused(built: Path) -> None:
    manifest = read_manifest(built)
    look_path(built).unlink()
    blobs(seed=9).save(manifest.image_paths()[2])
    with pytest.raises(InputError, match="has changed since the manifest was built; build it again"):
        looks_of(manifest, look_path(built))
