"""Label files with rows that nobody would write: each is read, or told in a sentence, and moves no other row.

MUTATIONS=100000 SEED=19 in the environment tries that many others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from data_prep.arguments import parse_options
from data_prep.datasets.labels import Labels
from data_prep.errors import InputError
from data_prep.loading import load
from tests.data_prep.conftest import ADIENCE_HEADER

COUNT = int(os.environ.get("MUTATIONS", "1000"))
SEED = int(os.environ.get("SEED", "18"))
# the second looks for the images
WAYS = (("--labels-only",), ("--out", "faces.parquet", "--skip-bad-images"))
_ROWS = 12
_AGES = ("(25, 32)", "(4, 6)", "None", "35")
_FIELDS = (
    *("", " ", "-", "nan", "NaN", "None", "-1", "0", "1", "2", "1e400", "²", "9" * 40, "true", "f", "m", "u"),
    *("Male", "male ", "cat", "CAT", "../../etc/passwd", "/etc/passwd", "C:\\a", "a/../b", "a\0b", "=1+1"),
    *('"', '"cat', "\x1b[31m", "名", "e\u0301", "a" * 5000, "(25, 32)", "x\ty", "x,y", "x;y", "#", "\ufeff"),
)


def _adience(number: int) -> list[str]:
    gender, age = "fmu"[number % 3], _AGES[number % len(_AGES)]
    return [f"{number}@N00", f"{number:02d}.jpg", str(number), age, gender, *"12345", "0", "7"]


def _folder(number: int) -> list[str]:
    return [f"{number:02d}.jpg", ("cat", "dog", "owl")[number % 3], f"group {number // 2}"]


def _fairface(number: int) -> list[str]:
    return [f"train/{number:02d}.jpg", "50-59", ("Male", "Female")[number % 2], "White", "True"]


def _celeba(number: int) -> list[str]:
    return [f"{number:06d}.jpg", "-1", str(number % 2 * 2 - 1), "1"]


# name of the file, what cuts a line into fields, the lines before the rows, a row
KINDS: Mapping[str, tuple[str, str, Sequence[str], Callable[[int], list[str]]]] = {
    "adience": ("fold_frontal_0_data.txt", "\t", (ADIENCE_HEADER,), _adience),
    "celeba": ("list_attr_celeba.txt", " ", (str(_ROWS), "Bald Male Young"), _celeba),
    "fairface": ("fairface_label_train.csv", ",", ("file,age,gender,race,service_test",), _fairface),
    "folder": ("labels.csv", ",", ("path,label,group",), _folder),
}


def _mutated(rows: list[list[str]], gap: str, rng: random.Random) -> tuple[list[str], bool]:
    """Returns the lines of rows of which one or two are others, and whether the others stay as they were."""
    lines = [gap.join(fields) for fields in rows]
    alone = True
    for number in rng.sample(range(len(rows)), rng.choice((1, 1, 2))):
        fields, at = list(rows[number]), rng.randrange(len(rows[number]))
        match rng.randrange(6):
            case 0 | 1:
                fields[at] = rng.choice(_FIELDS)
            case 2:
                del fields[at]
            case 3:
                fields.insert(at, rng.choice(_FIELDS))
            case 4:
                fields = list(rng.choice(rows))
            case 5:
                fields[at] = fields[at].swapcase() + rng.choice(("", " ", "\x0b", "\u2028", "\r"))
        lines[number] = gap.join(fields)
        alone = alone and '"' not in lines[number]  # a quote may swallow what comes after it
    return lines, alone


def _read(root: Path, kind: str, *ways: str) -> Labels | None:
    """Returns the labels, None where they are refused in a sentence of one line."""
    try:
        return load(parse_options([kind, "--root", str(root), *ways]))
    except InputError as error:
        said = str(error)
    assert said.strip()
    assert "\n" not in said
    return None


def _label_of(labels: Labels) -> dict[str, str]:
    """Returns the name of the class of each path."""
    names = (labels.class_names[label] for label in labels.table["label"])
    return dict(zip(labels.table["path"], names, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_rows_are_read_or_refused_and_move_no_other(tmp_path: Path, kind: str) -> None:
    name, gap, head, row = KINDS[kind]
    rng, rows = random.Random(SEED), [row(number) for number in range(_ROWS)]
    (tmp_path / name).write_text("\n".join([*head, *(gap.join(fields) for fields in rows)]) + "\n")
    whole = _label_of(_read(tmp_path, kind, *WAYS[0]) or pytest.fail("the whole file is refused"))
    read = 0
    for _ in range(COUNT // len(KINDS)):
        lines, alone = _mutated(rows, gap, rng)
        (tmp_path / name).write_text("\n".join([*head, *lines]) + "\n", newline="")
        if labels := _read(tmp_path, kind, *rng.choice(WAYS)):
            read += 1
            found = _label_of(labels)
            same = {fields[kind == "adience"] for fields in rows if gap.join(fields) in lines}
            kept = {path: label for path, label in whole.items() if any(path.endswith(each) for each in same)}
            if alone:
                assert {path: found.get(path) for path in kept} == kept, lines
    assert 0 < read < COUNT // len(KINDS)
