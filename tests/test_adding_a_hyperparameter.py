"""The page on adding a hyperparameter: in a copy of the code it gives a stage, and changes no key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
STEPS = re.compile(r"^In `([^`]+)`, below `([^`]+)`.*?```text\n(.*?)```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code to which everything was added that the page says."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("data_prep", "trainables", "search"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    steps = STEPS.findall((ROOT / "docs" / "hyperparameters.md").read_text("utf-8"))
    assert len(steps) == 6
    for name, line, text in steps:
        code = (folder / name).read_text("utf-8")
        assert f"{line}\n" in code
        (folder / name).write_text(code.replace(f"{line}\n", f"{line}\n{text}", 1))
    return folder


def dry_run(code: Path, options: str, folder: Path) -> str:
    """Returns what the command says in `code` of the options."""
    command = [sys.executable, "-m", "search.run", "--dry-run", *options.split()]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_page_adds_a_stage(copy: Path, tmp_path: Path) -> None:
    said = dry_run(copy, "--stage epsilon --values 1e-7,1e-3", tmp_path)
    assert re.findall(r"to train  (\S+)", said) == ["1e-07", "0.001"]
    assert "1e-05" in dry_run(copy, "--stage epsilon", tmp_path)


def test_page_changes_no_key(copy: Path, tmp_path: Path) -> None:
    before, after = (dry_run(code, "--stage lr", tmp_path) for code in (ROOT, copy))
    assert before == after
