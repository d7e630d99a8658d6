"""Consoles: text is text, and words stay whole."""

from __future__ import annotations

from io import StringIO

import pytest

from data_prep.command_line.console import between_words, print_warning, text_console, working

LINE = "data      300 photographs, subjects unknown, classes daisy, dandelion, rose"


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (
            LINE,
            "data      300 photographs, subjects\n"
            "          unknown, classes daisy,\n          dandelion, rose",
        ),
        ("one two three four five six seven eight", "one two three four five six seven\neight"),
        (
            "results: /a/path/that-is-longer/than-the/terminal",
            "results:\n/a/path/that-is-longer/than-the/terminal",
        ),
        ("short", "short"),
    ],
)
def test_line_is_broken_between_words_below_its_text(line: str, broken: str) -> None:
    assert between_words(line, 36) == broken


def test_line_stays_whole_in_a_file_and_its_words_do_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "37")
    file, terminal = StringIO(), StringIO()
    text_console(file).print(LINE, soft_wrap=True)
    assert file.getvalue() == f"{LINE}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    text_console(terminal).print(LINE, soft_wrap=True)
    assert [line.split()[0] for line in terminal.getvalue().splitlines()] == [
        "data",
        "unknown,",
        "dandelion,",
    ]


def test_warning_in_a_file_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    file = StringIO()
    print_warning("a sentence with many words, and \x1b[31m no colour", to=file)
    assert file.getvalue() == "warning: a sentence with many words, and \\x1b[31m no colour\n"


def test_what_takes_a_while_is_a_line_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with working("writing onnx"):
        pass
    assert capsys.readouterr() == ("", "writing onnx\n")
