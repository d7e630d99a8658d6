"""What the README tells a reader to type is understood by the programs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from data_prep import arguments as build_arguments
from search import arguments as run_arguments

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text("utf-8")
BUILDS = re.findall(r"^python -m data_prep\.build (.+)$", README, flags=re.MULTILINE)
RUNS = re.findall(r"^python -m search\.run (.+)$", README, flags=re.MULTILINE)
ADDED = re.findall(r"^\| [^|]+ \| `(--[^`]+)`", README, flags=re.MULTILINE)


@pytest.mark.parametrize("command", BUILDS)
def test_build_command_of_the_readme(command: str) -> None:
    assert build_arguments.parse_arguments(shlex.split(command)).out is not None


@pytest.mark.parametrize("command", RUNS)
def test_run_command_of_the_readme(command: str) -> None:
    assert run_arguments.parse_arguments(shlex.split(command)).stage is not None


@pytest.mark.parametrize("options", ADDED)
def test_option_of_the_readme(options: str) -> None:
    whole = options if re.search("--stage|--mode", options) else f"--stage lr {options}"
    run_arguments.parse_arguments(shlex.split(whole))


def test_readme_names_commands_of_each_kind() -> None:
    assert (len(BUILDS), len(RUNS)) == (2, 2)
    assert len(ADDED) >= 6


@pytest.mark.parametrize("target", re.findall(r"`?make (\w+)", README))
def test_make_target_of_the_readme(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python\s+-m\s+([\w.]+)", README))))
def test_module_of_the_readme(module: str) -> None:
    path = Path(__file__).parents[1] / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
