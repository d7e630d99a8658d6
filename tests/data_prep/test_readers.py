"""Who has read held-out data: kept by the data, found by every study."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.readers import Reader, Readers, describe_readers


def reader(number: int) -> Reader:
    return Reader(
        study=f"results/s{number}", by="ann@lab", read_at=f"2026-01-0{number}", folds={"fold-0-test": 9}
    )


def test_readers_are_kept_by_data_the_first_first(tmp_path: Path) -> None:
    for number in (2, 1):
        Readers(tmp_path).add("a" * 32, reader(number))
    assert Readers(tmp_path).of("a" * 32) == [reader(1), reader(2)]
    assert Readers(tmp_path).of("b" * 32) == []


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, ""),
        (
            1,
            "the held-out rows of this data were read once before: for results/s1, by ann@lab at 2026-01-01",
        ),
        (
            4,
            "the held-out rows of this data were read 4 times before, the last 3: for results/s2, by "
            "ann@lab at 2026-01-02; results/s3, by "
            "ann@lab at 2026-01-03; results/s4, by ann@lab at 2026-01-04",
        ),
    ],
)
def test_readers_in_words(count: int, said: str) -> None:
    assert describe_readers([reader(number) for number in range(1, count + 1)]) == said


def test_reader_here_names_a_person_and_a_machine(tmp_path: Path) -> None:
    found = Reader.here(tmp_path, "2026-01-01", {"fold-0-test": 9})
    assert found.study == str(tmp_path)
    assert all(found.by.partition("@"))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "data_digest": "a"}'])
def test_record_that_is_damaged_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "readings" / "a").mkdir(parents=True)
    (tmp_path / "readings" / "a" / "1.json").write_text(text)
    with pytest.raises(InputError, match=r"1\.json is damaged \(.*\); restore it from a copy"):
        Readers(tmp_path).of("a")


def test_record_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "readings").write_text("")
    with pytest.raises(
        InputError, match=r"cannot be written .*: it says that held-out data was read; give a"
    ):
        Readers(tmp_path).add("a", reader(1))
