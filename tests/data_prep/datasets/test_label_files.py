from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.datasets.label_files import blank_separated, is_missing, rows_under, separated, tab_separated
from data_prep.errors import InputError


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"a\tb\n1\t2\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        (b"\xef\xbb\xbfa\tb\r\n1\t\r\n", [(1, ["a", "b"]), (2, ["1", ""])]),
        (b'a\tb\n\n \n1\t"2', [(1, ["a", "b"]), (4, ["1", '"2'])]),
        ("é\u2028x\t1\x1c\n".encode(), [(1, ["é\u2028x", "1\x1c"])]),
    ],
)
def test_tab_separated_keeps_line_numbers(
    tmp_path: Path, content: bytes, records: list[tuple[int, list[str]]]
) -> None:
    (tmp_path / "f.txt").write_bytes(content)
    assert list(tab_separated(tmp_path / "f.txt")) == records


def test_blank_separated_takes_runs_of_blanks_as_one(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("a.jpg -1  1 \n")
    assert list(blank_separated(tmp_path / "f.txt")) == [(1, ["a.jpg", "-1", "1"])]


def test_separated_strips_fields_and_skips_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text('a , b\n\n"1, 2",3\n,\n')
    assert list(separated(tmp_path / "f.csv")) == [(1, ["a", "b"]), (3, ["1, 2", "3"])]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separated_reads_what_programs_write(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    text = end.join(separator.join(fields) for fields in (("path", "label"), ("é, 1.jpg", "cat"))) + end
    text = text.replace("é, 1.jpg", '"é, 1.jpg"')
    (tmp_path / "f.csv").write_bytes(text.encode(encoding))
    assert list(separated(tmp_path / "f.csv")) == [(1, ["path", "label"]), (2, ["é, 1.jpg", "cat"])]


def test_separated_keeps_a_newline_within_quotes(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text('a,b\n"1\n2",3\n')
    assert list(separated(tmp_path / "f.csv")) == [(1, ["a", "b"]), (3, ["1\n2", "3"])]


@pytest.mark.parametrize("value", ["", "nan", "NaN", "NA", "None", "null", "-", "<NA>"])
def test_missing_is_what_programs_write_for_it(value: str) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", ["0", "Nana", "--", "unknown"])
def test_missing_is_no_other_word(value: str) -> None:
    assert not is_missing(value)


def test_non_utf8_says_the_offset_in_the_file_despite_a_bom(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(b"\xef\xbb\xbfab\n\xff")
    with pytest.raises(InputError, match=r"line 2 has the byte 0xff \(byte offset 6\)"):
        list(tab_separated(tmp_path / "f.txt"))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*f\.txt; check --root, and --csv where"):
        list(tab_separated(tmp_path / "f.txt"))


def test_column_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names the column a twice"):
        list(rows_under(tmp_path, ["a", "a"], [], ["a"]))
