"""docs/cluster.md: the commands of each provider are those that the hosts' tests run, for another file."""

from __future__ import annotations

import re
import shlex

import pytest

from search.options.parser import parse_options
from tests.cluster.cluster_files import ROOT
from tests.cluster.commands import PAGE, commands_of

LAB = commands_of("A lab's own machines")
SEARCHES = re.findall(r"python -m search\.run ([^'…`]+)'", PAGE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("section", "file", "step"),
    [
        ("AWS", "cluster.yaml", "Watch"),  # its storage is a bucket
        ("Google Cloud", "deploy/gcp.yaml", "Submit"),
        ("Google Cloud", "deploy/gcp.yaml", "Watch"),
        ("Google Cloud", "deploy/gcp.yaml", "Fetch results"),
    ],
)
def test_cloud_commands_are_those_that_hosts_run(section: str, file: str, step: str) -> None:
    assert commands_of(section)[step] == [command.replace("deploy/lab.yaml", file) for command in LAB[step]]


def test_aws_comes_in_the_order_in_which_things_must_happen() -> None:
    steps = ["Quota", "Storage", "Up", "Data", "Submit", "Watch", "Fetch results", "Down"]
    assert list(commands_of("AWS")) == steps


@pytest.mark.parametrize(("section", "file"), [("AWS", "cluster.yaml"), ("Google Cloud", "deploy/gcp.yaml")])
def test_cloud_goes_up_and_down_like_the_lab(section: str, file: str) -> None:
    commands = commands_of(section)
    assert commands["Up"][1:] == [
        "ray get-auth-token --generate > /dev/null",
        "export RAY_AUTH_MODE=token",
        f"ray up -y {file}",
    ]
    assert commands["Down"] == [f"ray down -y {file}"]


def test_page_searches_with_options_that_exist() -> None:
    assert len(SEARCHES) == 3
    for search in SEARCHES:
        assert parse_options(shlex.split(search)).machine.address == "auto"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"deploy/[\w.]+\w", PAGE.read_text("utf-8")))))
def test_file_of_the_page_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_kubernetes_job_searches_with_options_that_exist() -> None:
    job = (ROOT / "deploy" / "rayjob.yaml").read_text("utf-8")
    (search,) = re.findall(r"python -m search\.run (.*?)\n  submissionMode", job, flags=re.DOTALL)
    assert parse_options(shlex.split(search)).machine.gpus_per_trial == 0.25
