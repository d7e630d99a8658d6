from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from data_prep.datasets.celeba import load_celeba
from data_prep.errors import InputError

IMAGES = [(f"{number:06d}.jpg", 1 if number % 3 else -1) for number in range(1, 31)]


def write_original(
    root: Path, rows: Sequence[tuple[str, object]] = IMAGES, *, declared: object = None
) -> None:
    lines = [str(len(rows) if declared is None else declared), "Bald Male Young "]
    lines += [f"{image} -1 {male:>2}  1" for image, male in rows]
    (root / "list_attr_celeba.txt").write_bytes("\r\n".join(lines).encode() + b"\r\n")


def write_csv(root: Path) -> None:
    lines = ["image_id,Bald,Male,Young", *(f"{image},-1,{male},1" for image, male in IMAGES)]
    (root / "list_attr_celeba.csv").write_text("\n".join(lines))


def test_celeba_forms_of_the_label_file_are_equal(tmp_path: Path) -> None:
    write_csv(tmp_path)
    from_csv = load_celeba(tmp_path).table
    (tmp_path / "list_attr_celeba.csv").unlink()
    write_original(tmp_path)
    assert load_celeba(tmp_path).table.equals(from_csv)


def test_celeba_male_minus_one_is_label_zero(tmp_path: Path) -> None:
    write_original(tmp_path)
    table = load_celeba(tmp_path).table
    assert table["label"].value_counts().to_dict() == {1: 20, 0: 10}
    assert table["path"][0] == "img_align_celeba/000001.jpg"
    assert table["subject"].isna().all()


def test_celeba_finds_the_doubled_image_folder(tmp_path: Path) -> None:
    write_original(tmp_path)
    (tmp_path / "img_align_celeba" / "img_align_celeba").mkdir(parents=True)
    assert load_celeba(tmp_path).table["path"][0] == "img_align_celeba/img_align_celeba/000001.jpg"


def test_celeba_random_share_is_a_tenth_of_each_label(tmp_path: Path) -> None:
    write_original(tmp_path)
    labels = load_celeba(tmp_path)
    table = labels.table
    assert table["fold"].value_counts().to_dict() == {0: 27, 2: 3}
    assert table[table["fold"] == 2]["label"].value_counts().to_dict() == {1: 2, 0: 1}
    assert "random share of 0.1 of the images, stratified by label, seed 7" in labels.notes[0]


@pytest.mark.parametrize(("name", "header", "gap"), [("txt", "", " "), ("csv", "image_id,partition\n", ",")])
def test_celeba_official_partition_where_present(tmp_path: Path, name: str, header: str, gap: str) -> None:
    write_original(tmp_path)
    lines = [f"{image}{gap}{number % 3}" for number, (image, _) in enumerate(IMAGES)]
    (tmp_path / f"list_eval_partition.{name}").write_text(header + "\n".join(lines))
    assert load_celeba(tmp_path).table["fold"].tolist() == [0, 1, 2] * 10
    assert load_celeba(tmp_path, test_share=0.5).table["fold"].value_counts().to_dict() == {0: 15, 2: 15}


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ("000001.jpg 0", "has no line for 29 of the 30 labelled images, the first is 000002.jpg"),
        ("000001.jpg 3", "a partition must be 0, 1 or 2, .* line 1 has '3'"),
        ("000001.jpg", "line 1 must have 2 columns"),
    ],
)
def test_celeba_refuses_a_bad_partition(tmp_path: Path, partition: str, said: str) -> None:
    write_original(tmp_path)
    (tmp_path / "list_eval_partition.txt").write_text(partition)
    with pytest.raises(InputError, match=said):
        load_celeba(tmp_path)


def test_celeba_refuses_a_truncated_file_unless_a_part_is_wanted(tmp_path: Path) -> None:
    write_original(tmp_path, declared=202599)
    with pytest.raises(InputError, match=r"declares 202,599 rows and holds 30: it is not whole; .* --part"):
        load_celeba(tmp_path)
    assert len(load_celeba(tmp_path, part=True).table) == 30


def test_celeba_drops_a_repeated_image(tmp_path: Path) -> None:
    write_original(tmp_path, [*IMAGES, IMAGES[0]])
    assert load_celeba(tmp_path).dropped == {"repeated": 1}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("x.jpg", 0), r"Male must be -1 or 1, .*list_attr_celeba\.txt line 33 has '0'"),
        (("x.jpg", "1 1"), "line 33 must have 4 columns like its header, has 5"),
        (("../x.jpg", 1), r"image_id must be a plain name .* line 33 has '\.\./x\.jpg'"),
    ],
)
def test_celeba_refuses_a_bad_row(tmp_path: Path, row: tuple[str, object], said: str) -> None:
    write_original(tmp_path, [*IMAGES, row])
    with pytest.raises(InputError, match=said):
        load_celeba(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("many\nMale\na.jpg 1", "line 1 of .* must be the number of rows, it is 'many'"),
        ("1\nBald\na.jpg 1", "needs the column Male, its header has image_id, Bald"),
        ("1", "must have a count, a line of names and rows, it has 1 lines"),
        ("1\nMale\na.jpg 1", "a test share of 0.1 cannot be cut from 1 images"),
        ("0\nMale", "no usable row|cannot be cut"),
    ],
)
def test_celeba_refuses_a_broken_file(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "list_attr_celeba.txt").write_text(content)
    with pytest.raises(InputError, match=said):
        load_celeba(tmp_path)


def test_celeba_refuses_a_folder_without_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds neither list_attr_celeba.txt nor list_attr_celeba.csv"):
        load_celeba(tmp_path)


def test_celeba_real_truncated_file_names_both_numbers(real_data: Path) -> None:
    with pytest.raises(InputError, match="declares 202,599 rows and holds 2,000"):
        load_celeba(real_data / "celeba_labels")
    assert len(load_celeba(real_data / "celeba_labels", part=True).table) == 2000


def test_celeba_own_tree_is_read(tmp_path: Path, draw_picture: Callable[..., None]) -> None:
    for folder in ("Anno", "Eval"):
        (tmp_path / folder).mkdir()
    write_original(tmp_path / "Anno")
    lines = [f"{image} {number % 3}" for number, (image, _) in enumerate(IMAGES)]
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text("\n".join(lines))
    draw_picture(tmp_path / "Img" / "img_align_celeba" / "000001.jpg")
    table = load_celeba(tmp_path).table
    assert table["fold"].tolist() == [0, 1, 2] * 10
    assert table["path"][0] == "Img/img_align_celeba/000001.jpg"


@pytest.mark.parametrize("folder", ["img_align_celeba_png", "Img/img_align_celeba_png", "img_align_celeba"])
def test_celeba_png_form_is_read(tmp_path: Path, draw_picture: Callable[..., None], folder: str) -> None:
    write_original(tmp_path)
    draw_picture(tmp_path / folder / "000001.png")
    assert load_celeba(tmp_path).table["path"][1] == f"{folder}/000002.png"


@pytest.mark.parametrize("header", [",image_id,Male", ",Male"])
def test_celeba_csv_of_pandas_is_read(tmp_path: Path, header: str) -> None:
    index = (f"{number}," if "image_id" in header else "" for number in range(len(IMAGES)))
    lines = [f"{number}{image},{male}" for number, (image, male) in zip(index, IMAGES, strict=True)]
    (tmp_path / "list_attr_celeba.csv").write_text("\n".join([header, *lines]))
    assert load_celeba(tmp_path).table["path"][0] == "img_align_celeba/000001.jpg"


def test_celeba_identities_are_groups(tmp_path: Path) -> None:
    write_original(tmp_path)
    (tmp_path / "Anno").mkdir()
    lines = [f"{image} {number // 3}" for number, (image, _) in enumerate(IMAGES)]
    (tmp_path / "Anno" / "identity_CelebA.txt").write_text("\n".join(lines[:-1]))
    labels = load_celeba(tmp_path)
    assert (labels.group_kind, labels.subjects) == ("identity", 10)
    assert labels.table["subject"].tolist()[:4] == ["0", "0", "0", "1"]
    assert labels.table["subject"].isna().tolist() == [False] * 29 + [True]


def test_celeba_label_may_be_any_attribute(tmp_path: Path) -> None:
    write_original(tmp_path)
    assert load_celeba(tmp_path, attribute="Male").class_names == ("female", "male")
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("Bald", "Hat"))
    labels = load_celeba(tmp_path, attribute="Hat")
    assert (labels.class_names, set(labels.table["label"])) == (("not Hat", "Hat"), {0})


def test_celeba_unknown_attribute_is_answered_with_the_nearest(tmp_path: Path) -> None:
    write_original(tmp_path)
    with pytest.raises(InputError, match=r"needs the column young, its header has .*; did you mean Young\?"):
        load_celeba(tmp_path, attribute="young")


def test_celeba_refuses_an_image_with_two_labels(tmp_path: Path) -> None:
    write_original(tmp_path, [*IMAGES, (IMAGES[0][0], -IMAGES[0][1])])
    with pytest.raises(
        InputError, match=r"000001\.jpg with the label 'male' in .* line 3 and 'female' in .*33"
    ):
        load_celeba(tmp_path)
