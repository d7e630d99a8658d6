"""Text out of data on a terminal: it moves no cursor and colours nothing."""

from __future__ import annotations

import io

import pytest

from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.names import cleaned
from data_prep.errors import InputError


def test_cleaned_text_has_escapes_for_what_is_no_letter() -> None:
    assert cleaned("caf\u00e9 \x1b[2J\x07\udcff\nnext") == "caf\u00e9 \\x1b[2J\\x07\\udcff\nnext"


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
