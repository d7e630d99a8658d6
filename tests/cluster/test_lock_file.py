"""The lock file names a version of everything the project asks for, and nothing of any machine."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest
from packaging.requirements import Requirement

from tests.cluster.cluster_files import ROOT

PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.!]*")


def lines() -> list[str]:
    """Returns the lines of the lock file without comments."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def asked_for() -> list[Requirement]:
    """Returns what setup.cfg asks for, in all of its extras but the developers' tools."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = {name: text for name, text in setup["options.extras_require"].items() if name != "dev"}
    listed = "\n".join([setup["options"]["install_requires"], *extras.values()])
    return [Requirement(line) for line in listed.splitlines() if line]


def test_lock_file_holds_versions_and_nothing_else() -> None:
    assert [line for line in lines() if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("requirement", asked_for(), ids=lambda requirement: requirement.name)
def test_locked_version_is_one_that_the_project_takes(requirement: Requirement) -> None:
    locked = dict(line.split("==") for line in lines())
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    assert requirement.specifier.contains(locked[name])


def test_lock_file_has_the_libraries_of_a_gpu() -> None:
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= {line.partition("==")[0] for line in lines()}
