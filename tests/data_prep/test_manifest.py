from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.class_names import GENDER_SOURCES, GENDERS
from data_prep.errors import InputError
from data_prep.manifest import (
    MANIFEST_COLUMNS,
    Manifest,
    read_manifest,
    require_every_class,
    write_manifest,
)

Make = Callable[..., Manifest]
Draw = Callable[..., None]
FIRST_METADATA = (b"stagewise.root", b"stagewise.digest", b"stagewise.image_digests")


@pytest.fixture
def written(tmp_path: Path, made_manifest: Make, draw_picture: Draw) -> Path:
    draw_picture(tmp_path / "0.jpg")
    write_manifest(made_manifest(), tmp_path / "m.parquet")
    return tmp_path / "m.parquet"


def test_manifest_survives_writing_and_reading(written: Path, made_manifest: Make) -> None:
    made, read = made_manifest(), read_manifest(written)
    pd.testing.assert_frame_equal(read.table, made.table)
    assert (read.root, read.image_digests, read.digest) == (made.root, made.image_digests, made.digest)
    assert (read.class_names, read.group_kind) == (made.class_names, made.group_kind)


def test_manifest_file_holds_exactly_the_columns(written: Path) -> None:
    assert tuple(pq.read_schema(written).names) == MANIFEST_COLUMNS


def test_manifest_types_allow_unknown_subject_fold_and_age(made_manifest: Make) -> None:
    table = made_manifest(subject=None, fold=None).table
    kinds = "string int16 string Int64 string string string Int32 Int32 string Int32"
    assert [str(kind) for kind in table.dtypes] == kinds.split()
    assert (
        table[["subject", "fold", "age", "partition", "width", "height", "mode", "alike"]].isna().all().all()
    )


def test_digest_tells_which_pictures_splits_keep_together(made_manifest: Make) -> None:
    digests = {
        made_manifest(alike=alike).digest
        for alike in (None, [0, 0, *[None] * 58], [None, 0, 0, *[None] * 57])
    }
    assert len(digests) == 3
    assert made_manifest(alike=None).digest == made_manifest().digest


def test_digest_is_the_same_in_another_folder(made_manifest: Make, tmp_path: Path) -> None:
    one = made_manifest()
    elsewhere = Manifest.of(one.table, tmp_path / "elsewhere", one.image_digests, class_names=one.class_names)
    assert elsewhere.digest == one.digest


@pytest.mark.parametrize(
    "change",
    [
        {"label": 1},
        {"subject": "x"},
        {"fold": None},
        {"path": "x"},
        {"age": "4"},
        {"partition": "train"},
        {"class_names": ("dog", "cat")},
    ],
)
def test_digest_changes_with_what_was_given(made_manifest: Make, change: dict[str, object]) -> None:
    assert made_manifest(**change).digest != made_manifest().digest


def test_digest_changes_with_image_bytes(made_manifest: Make, tmp_path: Path) -> None:
    one = made_manifest()
    others = ["f" * 32, *one.image_digests[1:]]
    other = Manifest.of(one.table, tmp_path, others, class_names=one.class_names)
    assert other.digest != one.digest


def test_digest_does_not_change_with_what_was_decoded(made_manifest: Make) -> None:
    assert made_manifest(width=8, height=8, mode="RGB").digest == made_manifest().digest


@pytest.mark.parametrize("source", GENDER_SOURCES)
def test_digest_of_the_data_sets_of_gender_is_what_it_was_without_names(
    made_manifest: Make, source: str
) -> None:
    made = made_manifest(source=source, class_names=GENDERS)
    first = ["path", "label", "subject", "fold", "age", "source"]
    rows = made.table[first].astype(object).assign(age=None).itertuples(index=False)
    lines = [json.dumps([*row, digest]) for row, digest in zip(rows, made.image_digests, strict=True)]
    text = "".join(f"{line}\n" for line in lines)
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert made_manifest(source="folder", class_names=GENDERS).digest != made.digest


def test_is_drawn_where_one_row_is_of_the_sample(made_manifest: Make) -> None:
    assert not made_manifest().is_drawn
    assert made_manifest(source=["sample"] + ["folder"] * 59).is_drawn


def test_image_paths_lie_under_the_root(made_manifest: Make, tmp_path: Path) -> None:
    assert made_manifest().image_paths()[:2] == [tmp_path / "0.jpg", tmp_path / "1.jpg"]


def test_read_follows_moved_images(written: Path, tmp_path: Path, draw_picture: Draw) -> None:
    draw_picture(tmp_path / "moved" / "0.jpg")
    moved = read_manifest(written, root=tmp_path / "moved")
    assert moved.root == tmp_path / "moved"
    assert moved.digest == read_manifest(written).digest


def test_read_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no manifest .*none\.parquet; make one with"):
        read_manifest(tmp_path / "none.parquet")


def test_read_refuses_what_is_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_text("no")
    with pytest.raises(InputError, match="is not a readable parquet file"):
        read_manifest(tmp_path / "m.parquet")


def test_read_says_that_a_file_may_not_be_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Failed to open local file")

    monkeypatch.setattr(pq, "read_table", refuse)  # root, as tests may run, is refused nothing
    with pytest.raises(InputError, match=r"m\.parquet cannot be read \(Permission denied\); check its perm"):
        read_manifest(written)


def test_read_names_the_missing_column(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({name: ["x"] for name in MANIFEST_COLUMNS if name != "age"}), tmp_path / "m.parquet"
    )
    with pytest.raises(InputError, match="is not a manifest: the column age is missing"):
        read_manifest(tmp_path / "m.parquet")


def test_read_refuses_a_table_without_our_metadata(tmp_path: Path) -> None:
    pq.write_table(pa.table({name: ["x"] for name in MANIFEST_COLUMNS}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="does not say where its images lie"):
        read_manifest(tmp_path / "m.parquet")


def test_read_refuses_changed_rows(written: Path) -> None:
    arrow = pq.read_table(written)
    flipped = pa.array([1 - value for value in arrow["label"].to_pylist()], pa.int16())
    pq.write_table(arrow.set_column(1, arrow.field("label"), flipped), written)
    with pytest.raises(InputError, match="the file was changed afterwards; build it again"):
        read_manifest(written)


def test_read_refuses_removed_rows(written: Path) -> None:
    pq.write_table(pq.read_table(written).slice(1), written)
    with pytest.raises(InputError, match=r"damaged manifest|changed afterwards"):
        read_manifest(written)


def test_read_says_where_a_lost_root_was_looked_for(written: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"looked for in .*gone, which is not there; say .* \(--data-root"):
        read_manifest(written, root=tmp_path / "gone")


def test_read_says_where_lost_images_were_looked_for(written: Path, tmp_path: Path) -> None:
    (tmp_path / "0.jpg").unlink()
    said = (
        r"60 of the 60 images of .*m\.parquet are missing in .*: 0\.jpg, 1\.jpg, 2\.jpg, …; .*\(--data-root"
    )
    with pytest.raises(InputError, match=said):
        read_manifest(written)


@pytest.mark.parametrize(
    ("out", "said"), [("none/m.parquet", "does not exist; make it"), ("", "must be a file, .* is a folder")]
)
def test_write_refuses_an_impossible_place(made_manifest: Make, tmp_path: Path, out: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        write_manifest(made_manifest(), tmp_path / out)


def test_write_leaves_no_other_file(written: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.jpg", "m.parquet"]


def test_training_needs_every_class(made_manifest: Make) -> None:
    names = ("cat", "dog", "owl")
    require_every_class(made_manifest(class_names=names, label=[0, 1, 2] * 20))
    with pytest.raises(InputError, match="every class, the 60 rows have none of 'cat', 'owl'; build"):
        require_every_class(made_manifest(class_names=names, label=1))


def test_class_counts_are_in_the_order_of_the_labels(made_manifest: Make) -> None:
    assert made_manifest(class_names=("a", "b", "c"), label=[0] * 20 + [2] * 40).class_counts() == [20, 0, 40]


@pytest.mark.parametrize(
    ("names", "received"),
    [
        ((), "0: none"),
        (("cat",), "1: 'cat'"),
        (("cat", "cat"), "2: 'cat', 'cat'"),
        (("cat", ""), "2: 'cat', ''"),
        (tuple(map(str, range(1001))), "1,001: '0', '1', .*'9', …;"),
    ],
)
def test_manifest_needs_a_name_for_each_class(
    made_manifest: Make, names: tuple[str, ...], received: str
) -> None:
    with pytest.raises(InputError, match=f"2 to 1,000 classes with a name of their own.* {received}"):
        made_manifest(class_names=names)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"path": "../../etc/passwd"}, "a path must be relative to the root .* has '../../etc/passwd'"),
        ({"path": "/etc/passwd"}, "a path must be relative to the root .* has '/etc/passwd'"),
        ({"path": ""}, "a path must be relative to the root and written without .., row 0 has ''"),
        ({"fold": -1}, "a fold must be a whole number from 0, received -1"),
        ({"label": 2}, "labels must be 0 to 1, one for each class, received 2 to 2"),
        ({"label": -1}, "received -1 to -1"),
        ({"partition": "dev"}, r"one of train, validation, test, received \['dev'\]"),
    ],
)
def test_manifest_checks_its_values(made_manifest: Make, columns: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made_manifest(**columns)


def in_format_1(path: Path, made: Manifest) -> None:
    arrow = pq.read_table(path)
    metadata = {key: value for key, value in arrow.schema.metadata.items() if key in FIRST_METADATA}
    arrow = arrow.select(["path", "label", "subject", "fold", "age", "source"])
    pq.write_table(arrow.replace_schema_metadata({**metadata, b"stagewise.digest": made.digest}), path)


@pytest.mark.parametrize(("subject", "kind"), [("s", "face"), (None, "")])
def test_read_knows_the_classes_of_format_1(
    written: Path, made_manifest: Make, subject: str | None, kind: str
) -> None:
    made = made_manifest(source="adience", class_names=GENDERS, subject=subject)
    write_manifest(made, written)
    in_format_1(written, made)
    read = read_manifest(written)
    assert (read.class_names, read.group_kind, read.digest) == (GENDERS, kind, made.digest)
    pd.testing.assert_frame_equal(read.table, made.table)


def test_read_refuses_format_1_whose_classes_nobody_kept(written: Path, made_manifest: Make) -> None:
    in_format_1(written, made_manifest())
    with pytest.raises(InputError, match="did not keep the names of the classes; build it again"):
        read_manifest(written)


def test_read_refuses_a_newer_format(written: Path) -> None:
    arrow = pq.read_table(written)
    metadata = {**arrow.schema.metadata, b"stagewise.format": b"3"}
    pq.write_table(arrow.replace_schema_metadata(metadata), written)
    with pytest.raises(InputError, match="has format 3, this version reads 1 to 2; use a newer version"):
        read_manifest(written)


@pytest.mark.parametrize(
    ("root", "digests", "said"),
    [(Path("here"), 60, "absolute path, received here"), (Path("/"), 3, "60 entries, received 3")],
)
def test_manifest_checks_its_fields(made_manifest: Make, root: Path, digests: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Manifest(made_manifest().table, root, ("0" * 32,) * digests, "d", ("cat", "dog"))
