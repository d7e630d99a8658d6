"""Completion as a user meets it: bash, argcomplete's global hook, and python -m."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_COMPLETE = """\
source <(activate-global-python-argcomplete --dest=- 2>/dev/null)
COMP_LINE=$1; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMPREPLY=()
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_python_argcomplete_global "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
echo "${COMPREPLY[@]}"
"""


def completions_of(line: str) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        [bash, "--norc", "-c", _COMPLETE, "bash", line],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


# which nobody types
FOR_PROGRAMS = {f"trainables/{name}.py" for name in ("backend_timing", "compile_ahead", "features/__main__")}
COMMANDS = sorted(
    path
    for package in ("data_prep", "trainables", "search")
    for path in (ROOT / package).rglob("*.py")
    if "\n    sys.exit(main())\n" in path.read_text("utf-8")
    and path.relative_to(ROOT).as_posix() not in FOR_PROGRAMS
)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_marked_for_the_shell(path: Path) -> None:
    start = path.read_text("utf-8")[:1024]  # as far as the hook of the shell reads
    assert "\n# PYTHON_ARGCOMPLETE_OK\n" in start


def test_stagewise_offers_its_commands_and_then_those_of_the_command() -> None:
    assert completions_of("stagewise re") == ["report"]
    assert completions_of("stagewise show --sto") == ["--storage"]


def test_study_offers_those_of_the_storage(tmp_path: Path) -> None:
    for name in ("adience", "adverse", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").touch()
    for command in ("search.run --stage lr --storage {} --study ad", "search.show --storage {} ad"):
        offered = completions_of(f"python -m {command.format(tmp_path)}")
        assert offered == ["adience", "adverse"]


OFFERED: Mapping[str, list[str]] = {
    "python -m search.run --stage d": ["dropout"],
    "python -m search.run --stage al": ["all"],
    "python -m search.run --wandb-p": ["--wandb-project"],
    "python -m search.run --backbone inc": ["inception_v3"],
    "python -m search.run --schedule cos": ["cosine"],
    "python -m search.run --keras-backend j": ["jax"],
    "python -m search.report --o": ["--out"],
    "python -m search.compare --j": ["--json"],
    "python -m search.show --sto": ["--storage"],
    "python -m search.predict --man": ["--manifest"],
    "python -m search.predict --faces d": ["detect"],
    "python -m search.export --format on": ["onnx"],
    "python -m search.dashboard --tok": ["--token", "--token-file"],
    "python -m data_prep.build ad": ["adience"],
    "python -m data_prep.build folder --skip": ["--skip-bad-images"],
    "python -m trainables.backbones --j": ["--json"],
}
ANSWER_EACH = """
import importlib, json, os, runpy, sys
for line in json.load(sys.stdin):
    module = line.split()[2]
    importlib.import_module(module)  # once, for all lines that ask it
    if os.fork() == 0:
        os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9", "_ARGCOMPLETE": "3"}
        os.environ |= {"_ARGCOMPLETE_IFS": " ", "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/fd/1"}
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    os.wait()
    print(flush=True)
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, list[str]]:
    """Returns what each line is completed with, asked as the hook of the shell asks, in one process."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER_EACH],
        input=json.dumps(list(OFFERED)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(OFFERED, map(str.split, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("line", "offered"), OFFERED.items())
def test_options_are_completed(answers: Mapping[str, list[str]], line: str, offered: list[str]) -> None:
    assert answers[line] == offered
