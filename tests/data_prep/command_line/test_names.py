"""Text out of data on a terminal: it moves no cursor and colours nothing."""

from __future__ import annotations

import io

import pytest

from data_prep.command_line.console import print_warning, text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.names import cleaned
from data_prep.errors import InputError


def test_cleaned_text_has_escapes_for_what_is_no_letter() -> None:
    assert cleaned("caf\u00e9 \x1b[2J\x07\udcff\nnext") == "caf\u00e9 \\x1b[2J\\x07\\udcff\nnext"


def test_long_text_out_of_data_is_told_without_its_middle(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise InputError(f"received {'x' * 10**6!r}; give another")

    assert exit_code(work) == 1
    print_warning(f"left out {'y' * 10**6}, which is no label")
    error, warning = capsys.readouterr().err.splitlines()
    assert (len(error) < 2100, error[:10], error[-14:]) == (True, "error: rec", "; give another")
    assert (len(warning) < 2100, warning[-13:]) == (True, "h is no label")


def test_console_and_errors_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    text_console(file).print("class \x1b[31mred")

    def work() -> None:
        raise InputError("class \x1b[31mred")

    exit_code(work)
    assert (file.getvalue(), capsys.readouterr().err) == (
        "class \\x1b[31mred\n",
        "error: class \\x1b[31mred\n",
    )
