"""JSON files with a digest: what changed since it was written is not read, and what no file of ours has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from data_prep.storage.json_files import Format, read_as, read_json, write_json

KIND = Format(3, sealed_from=2, oldest=0)
VALUES = {"format": 3, "name": "é", "figures": [0.5, None, 7], "within": {"a": [{}]}}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "below" / "a.json"
    write_json(path, {**VALUES, **changes})
    return path


def test_what_was_written_is_read_with_its_format(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_json(path, KIND) == VALUES
    assert [name.name for name in path.parent.iterdir()] == ["a.json"]


def test_file_is_plain_json_for_others(tmp_path: Path) -> None:
    values = json.loads(written(tmp_path).read_text("utf-8"))
    assert len(values.pop("digest")) == 64
    assert values == VALUES


def test_file_without_a_format_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"carries the number of its format, received \['a'\]"):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = path.read_bytes()
    for place in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"."):
            read_json(path, KIND)


@pytest.mark.parametrize("number", [0, 1])
def test_file_of_before_there_were_digests_is_read(tmp_path: Path, number: int) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"format": number, "a": 1} if number else {"a": 1}))
    assert read_json(tmp_path / "a.json", KIND) == {"format": number, "a": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": 2}', "it has lost its digest"),
        ('{"format": 4}', "its format is 4, this version reads files without a number to 3"),
        ('{"format": true}', "its format is True"),
        ('{"format": "1"}', "its format is '1'"),
        ("[]", "it must hold a JSON object, it holds list"),
        ("", "Expecting value"),
        ('{"a": 1e999}', "it holds inf, which is not finite"),
        ('{"a": [NaN]}', "it holds nan, which is not finite"),
        ('{"a": ' + "9" * 40 + "}", "it holds a number of 133 bits"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "more than 32 levels deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "more than 32 levels deep"),
    ],
)
def test_what_no_file_of_ours_holds_is_damaged(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=rf"a\.json is damaged \(.*{said}.*\); make it again"):
        read_as(tmp_path / "a.json", KIND, dict, way_out="make it again")


def test_value_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is damaged \(it has no 'b'\); make it again"):
        read_as(written(tmp_path), KIND, lambda values: values["b"], way_out="make it again")


def test_no_file_is_no_damage(tmp_path: Path) -> None:
    assert read_as(tmp_path / "a.json", KIND, dict, way_out="") is None


def test_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match="it must be a regular file and is a pipe"):
        read_json(tmp_path / "a.json", KIND)


def test_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**34)  # a hole, which takes no room
    with pytest.raises(ValueError, match="it may have 268,435,456 bytes and has 17,179,869,184"):
        read_json(tmp_path / "a.json", KIND)
