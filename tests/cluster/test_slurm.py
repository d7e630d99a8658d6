"""The job of Slurm, on a real Slurm of this machine: stopped before its limit, put back, and ended later.

And on two hosts made out of this machine, which are one Ray for it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from tests.cluster.cluster_files import ROOT
from tests.cluster.hosts import SHARED, Host, Lab, why_not
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
AuthInfo=socket={own}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={own}/spool
SlurmctldPidFile={own}/slurmctld.pid
SlurmdPidFile={own}/slurmd.pid
SlurmctldLogFile={own}/slurmctld.log
SlurmdLogFile={own}/slurmd.log
SlurmctldPort={port}
SlurmdPort={other_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Slurm of this machine alone."""
    folder = tmp_path / "slurm"
    host = socket.gethostname().partition(".")[0]
    configure(folder, folder, host, f"NodeName={host} CPUs={os.cpu_count()} State=UNKNOWN")
    (folder / "spool").mkdir()
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    for command in (munged(folder, folder), "slurmctld", "slurmd"):
        subprocess.run(command.split(), check=True)
    wait_until(lambda: "idle" in said("sinfo", "--noheader", "--format=%T"), "Slurm has an idle node")
    yield
    for name in ("slurmd.pid", "slurmctld.pid", "munged.pid"):
        os.kill(int((folder / name).read_text()), signal.SIGTERM)


def configure(folder: Path, own: Path, host: str, *nodes: str) -> None:
    """Writes into a new `folder` the key and the configuration of a Slurm, whose programs use `own`."""
    (folder / "state").mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    ports = {"port": free_port(), "other_port": free_port()}
    configuration = CONFIGURATION.format(folder=folder, own=own, host=host, nodes="\n".join(nodes), **ports)
    (folder / "slurm.conf").write_text(configuration)


def munged(folder: Path, own: Path) -> str:
    """Returns the command that starts what Slurm's programs know each other by."""
    files = " ".join(f"--{name}-file={own}/munged.{name}" for name in ("pid", "log", "seed"))
    return f"munged --force --key-file={folder}/munge.key --socket={own}/munge.socket {files}"


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
    return ended_of(said("scontrol", "show", "job", job))


def ended_of(told: str) -> str:
    """Returns how a job ended of which Slurm told this; an empty text as long as it has not."""
    facts = dict(word.split("=", 1) for word in told.split() if "=" in word)
    return (
        facts["JobState"] if facts.get("JobState") in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT") else ""
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two hosts with a Slurm, the same home and data on a storage that both see."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    (tmp_path / "lab").mkdir()
    lab = Lab(tmp_path / "lab", tmp_path / "lab" / "storage")
    try:
        lab.up(2)
        folder, own = lab.folder / "slurm", Path("/run")
        nodes = (f"NodeName={host.name} NodeAddr={host.address} CPUs=1 State=UNKNOWN" for host in lab.nodes)
        configure(folder, own, f"host1({lab.nodes[0].address})", *nodes)
        # a space of the network has no control groups; the second version's plugin would look for them
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        home = {"HOME": SHARED, "PYTHONPATH": ROOT, "SLURM_CONF": folder / "slurm.conf"}
        exports = " ".join(f"{name}={value}" for name, value in home.items())
        for host in lab.nodes:
            (host.root / ".bash_profile").write_text(f"export PATH=/root/venv/bin:$PATH {exports}\n")
            does(host, munged(folder, own))
        does(lab.nodes[0], "slurmctld")
        for host in lab.nodes:
            does(host, "mkdir /run/spool; slurmd")
        yield lab
    finally:
        lab.down()


def does(host: Host, line: str) -> str:
    """Returns what `line` prints on the host; it must not fail."""
    done = host.run(line)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.hosts
def test_job_on_two_nodes_trains_on_both(lab: Lab) -> None:
    head = lab.nodes[0]
    wait_until(lambda: head.run("sinfo --noheader --format=%T%D").stdout == "idle2\n", "both nodes are idle")
    draw_sample(lab.storage / "sample", photos=60, celeba_photos=20)
    (lab.storage / ".venv").symlink_to(sys.prefix)
    does(head, "cd; python -m data_prep.build adience --root sample/adience --out faces.parquet")
    study = "--stage lr --data faces.parquet --backbone keras:MobileNetV2 --study job --epochs 30"
    job = does(head, f"cd; sbatch --parsable --nodes=2 --cpus-per-task=1 {JOB} {study}").strip()

    def end() -> str:
        return ended_of(does(head, f"scontrol show job {job}"))

    state = wait_until(end, "the job has ended", seconds=600)
    log = (lab.storage / f"slurm-{job}.log").read_text()
    assert state == "COMPLETED", log
    trials = [json.loads(path.read_text()) for path in lab.storage.glob("results/job/trials/*.json")]
    assert len(trials) == 5, log
    assert {trial["made_by"]["node"] for trial in trials} == {"host1", "host2"}
    assert head.run("pgrep raylet").returncode == 1
