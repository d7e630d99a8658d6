"""stagewise: every command behind one word, as the shell and a person meet it."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from search.command import COMMANDS, main

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).with_name("stagewise")


def test_help_says_what_each_command_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for name, (_, gives) in COMMANDS.items():
        assert f"{name} {gives}" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"stagewise {version('stagewise')}\n"


def test_command_is_the_module_that_python_runs_as_well() -> None:
    for name, (module, _) in COMMANDS.items():
        assert module.removesuffix(".__main__") in (f"search.{name}", f"data_prep.{name}")
        assert callable(importlib.import_module(module).main)


def test_command_gets_the_words_after_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "faces", "--storage", str(tmp_path)]) == 1
    assert f"there is no study faces in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "invalid choice: 'rnu' .*; did you mean run\\?"),
        (["run", "--stage", "learning_rate"], "did you mean lr\\?"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert re.search(said, capsys.readouterr().err)


def test_current_folder_may_have_a_search_py(tmp_path: Path) -> None:
    if not SCRIPT.exists():
        pytest.skip("the package is not installed")
    (tmp_path / "search.py").write_text("raise SystemExit('this is not the package')\n", "utf-8")
    done = subprocess.run(
        [SCRIPT, "show", "faces"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no study faces in results" in done.stderr
