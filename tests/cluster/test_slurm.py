"""The job of Slurm, on a real Slurm of this machine: stopped before its limit, put back, and ended later."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from tests.cluster.cluster_files import ROOT
from tests.waiting import free_port, wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="a Slurm of one machine needs root"),
    pytest.mark.skipif(
        any(shutil.which(program) is None for program in PROGRAMS),
        reason="no Slurm found; apt-get install slurm-wlm munge",
    ),
]
JOB = ROOT / "deploy" / "slurm.sbatch"
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={other_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName={host} CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Slurm of this machine alone."""
    folder = tmp_path / "slurm"
    for name in (".", "state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    ports = {"port": free_port(), "other_port": free_port()}
    configuration = CONFIGURATION.format(folder=folder, host=host, cpus=os.cpu_count(), **ports)
    (folder / "slurm.conf").write_text(configuration)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    files = [f"--{name}-file={folder}/munged.{name}" for name in ("pid", "log", "seed")]
    munged = ["munged", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket", *files]
    for command in (munged, ["slurmctld"], ["slurmd"]):
        subprocess.run(command, check=True)
    wait_until(lambda: "idle" in said("sinfo", "--noheader", "--format=%T"), "Slurm has an idle node")
    yield
    for name in ("slurmd.pid", "slurmctld.pid", "munged.pid"):
        os.kill(int((folder / name).read_text()), signal.SIGTERM)


def said(*command: str) -> str:
    """Returns what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def workplace_in(folder: Path) -> Path:
    """Returns a folder with data, and with the environment of these tests where the job looks for it."""
    draw_sample(folder / "sample", photos=60, celeba_photos=20)
    build_manifest(load_adience(folder / "sample" / "adience"), folder / "faces.parquet")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.mark.usefixtures("slurm")
def test_job_that_is_near_its_limit_goes_back_and_ends_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    workplace = workplace_in(tmp_path)
    study = ("--data", "faces.parquet", "--backbone", "keras:MobileNetV2", "--study", "job", "--epochs", "60")
    asked = ("sbatch", "--parsable", f"--cpus-per-task={min(2, os.cpu_count() or 1)}", str(JOB))
    job = subprocess.run(
        [*asked, "--stage", "lr", *study], cwd=workplace, capture_output=True, text=True, check=True
    ).stdout.strip()
    log, trials = workplace / f"slurm-{job}.log", workplace / "results" / "job" / "trials"
    wait_until(lambda: len(list(trials.glob("*.json"))) > 0, "a trial has ended", seconds=300)
    subprocess.run(
        ["scancel", "--batch", "--signal=TERM", job], check=True
    )  # as two minutes before the limit
    wait_until(lambda: "goes back into the queue" in log.read_text(), "the job is put back", seconds=120)
    kept = {path: path.stat().st_mtime_ns for path in trials.glob("*.json")}
    assert 0 < len(kept) < 4, log.read_text()
    wait_until(lambda: "PENDING" in said("squeue", "--noheader", "--format=%T"), "the job waits", seconds=60)
    state = wait_until(lambda: ended(job), "the job has ended", seconds=600)  # it waits for two minutes first
    assert state == "COMPLETED", log.read_text()
    assert len(list(trials.glob("*.json"))) == 5  # the winner once more, with groups apart
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    stage = json.loads((workplace / "results" / "job" / "stages" / "lr.json").read_text())
    assert stage["winner"]


def ended(job: str) -> str:
    """Returns how the job ended; an empty text as long as it has not."""
    facts = dict(word.split("=", 1) for word in said("scontrol", "show", "job", job).split() if "=" in word)
    return (
        facts["JobState"] if facts.get("JobState") in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT") else ""
    )
