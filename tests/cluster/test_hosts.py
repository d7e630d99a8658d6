"""A genuine `ray up` on three hosts, with the commands of docs/cluster.md, and what may happen to hosts.

The tests build on one another: one cluster serves them all, in the order in which they stand.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from data_prep.datasets.drawn_sample import draw_sample
from tests.cluster.cluster_files import LAB, ROOT, read
from tests.cluster.commands import commands_of
from tests.cluster.hosts import HEAD, OPERATOR, SHARED, Host, Lab, why_not
from tests.waiting import wait_until

reason = why_not()
pytestmark = [pytest.mark.hosts, pytest.mark.skipif(reason is not None, reason=str(reason))]

DOCS = commands_of("A lab's own machines")
FOLDERS = f"--data {SHARED}/adience.parquet --storage {SHARED}/results --cache {SHARED}/cache"
STUDY = "python -m search.run --stage lr --backbone keras:MobileNetV2 --address {address} " + FOLDERS
OBJECT_STORE = {  # on the operator's machine
    "AWS_ENDPOINT_URL": f"http://{OPERATOR}:5000",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
TRIALS = 12  # the four values of the stage, three times
KEPT = TRIALS + 1  # and the winner once more, with groups apart


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three hosts with a cluster on them, and data on their shared storage."""
    folder = tmp_path_factory.mktemp("lab")
    lab = Lab(folder, folder / "storage")
    try:
        lab.up(3)
        prepare_operator(lab)
        put_data(lab)
        for command in DOCS["Up"][1:]:  # the project's environment is there
            documented(lab, command)
        wait_until_all_alive(lab)
        yield lab
    finally:
        lab.down()


def put_data(lab: Lab) -> None:
    """Draws 60 faces on the shared storage, and writes their manifest with the paths that hosts see."""
    draw_sample(lab.storage / "data", photos=60, celeba_photos=20)
    where = f"--root {SHARED}/data/adience --out {SHARED}/adience.parquet"
    built = lab.operator.run(f"cd project; python -m data_prep.build adience {where}")
    assert built.returncode == 0, built.stderr


def prepare_operator(lab: Lab) -> None:
    """Gives the operator the project with an edited cluster file, and SSH to the hosts."""
    home = lab.operator.root
    project = home / "project"
    edited = edited_file(lab)
    for source in edited["file_mounts"].values():
        if not source.startswith("~"):
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            project.mkdir(exist_ok=True)
            copy(ROOT / source, project / source)
    (project / "deploy").mkdir()
    (project / "deploy" / "lab.yaml").write_text(yaml.safe_dump(edited))
    (home / ".bash_profile").write_text("export PATH=/root/venv/bin:$PATH RAY_USAGE_STATS_ENABLED=0\n")
    (home / ".ssh").mkdir()
    ssh = f"Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n IdentityFile {lab.key}\n"
    (home / ".ssh" / "config").write_text(ssh)


def edited_file(lab: Lab) -> dict[str, Any]:
    """Returns deploy/lab.yaml for these hosts; they have the environment, so nothing is installed."""
    config = json.loads(json.dumps(read(LAB)).replace("/home/lab/", "/root/"))
    config["provider"] |= {"head_ip": HEAD, "worker_ips": [host.address for host in lab.nodes[1:]]}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.key)}
    *others, install = config["setup_commands"]
    assert "pip install" in install
    exports = {"PYTHONPATH": "$HOME/stagewise", **OBJECT_STORE}
    line = "export " + " ".join(f"{name}={value}" for name, value in exports.items())
    config["setup_commands"] = [*others, f"echo '{line}' >> ~/.bash_profile"]
    return dict(config)


def documented(lab: Lab, command: str) -> str:
    """Runs a command of the page as the operator, for these hosts and a small study; returns its output."""
    small = "--stage lr --repeats 3 --epochs 4 --backbone keras:MobileNetV2"
    changes = {
        "--stage all": small,
        " --gpus-per-trial 0.25 --cpus-per-trial 1": "",
        "192.168.1.11 192.168.1.12": " ".join(host.address for host in lab.nodes[1:]),
        "lab@": "root@",
    }
    for ours, theirs in changes.items():
        command = command.replace(ours, theirs)
    exports = "; ".join(line for line in DOCS["Up"] if line.startswith("export"))
    done = lab.operator.run(f"cd project; {exports}; {command}")
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
    return done.stdout + done.stderr


def all_alive(lab: Lab) -> bool:
    """Whether each host is a node of Ray's."""
    if any(host.run("pgrep --exact raylet").returncode for host in lab.nodes):
        return False
    return "\n 3 local.cluster.node" in lab.nodes[0].run("ray status 2>/dev/null").stdout


def wait_until_all_alive(lab: Lab) -> None:
    wait_until(lambda: all_alive(lab), "each host is a node of Ray's")


def ledger(lab: Lab, study: str) -> dict[str, dict[str, Any]]:
    """Returns what stands in the ledger of a study, by key."""
    files = (lab.storage / "results" / study / "trials").glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in files}


def written(lab: Lab, study: str) -> dict[str, int]:
    """Returns when each trial of a study was written down."""
    files = (lab.storage / "results" / study / "trials").glob("*.json")
    return {path.stem: path.stat().st_mtime_ns for path in files}


def places(trials: dict[str, dict[str, Any]]) -> set[str]:
    """Returns the hosts that trained."""
    return {trial["made_by"]["node"] for trial in trials.values()}


def test_documented_study_is_trained_on_every_host(lab: Lab) -> None:
    for step in ("Submit", "Watch"):
        for command in DOCS[step]:
            said = documented(lab, command)
    trials = ledger(lab, "adience")
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}
    assert len(trials) == KEPT
    assert places(trials) == {"host1", "host2", "host3"}
    assert "3 local.cluster.node" in said
    copies = [host.run("ls /tmp/features/features/*/features.npy").returncode for host in lab.nodes]
    assert copies == [0, 0, 0]


def test_documented_results_are_fetched_and_reported(lab: Lab) -> None:
    for command in DOCS["Fetch results"]:
        documented(lab, command)
    assert (lab.operator.root / "project" / "results" / "adience" / "report" / "index.html").is_file()


def test_client_without_the_token_is_refused(lab: Lab) -> None:
    refused = lab.operator.run(f"export RAY_AUTH_MODE=disabled; ray status --address {HEAD}:6379")
    assert refused.returncode != 0
    assert "AuthenticationError" in refused.stderr
    search = "export RAY_AUTH_MODE=disabled; " + STUDY.format(address=f"{HEAD}:6379") + " --study without"
    refused = lab.nodes[1].run(search)
    assert refused.returncode == 1
    assert f"error: the Ray at {HEAD}:6379 asks for its token, and" in refused.stderr


def test_dashboards_are_not_reached_from_elsewhere(lab: Lab) -> None:
    ask = "python -c 'import sys, urllib.request as r; r.urlopen(\"http://{address}/api/version\")'"
    assert "Connection refused" in lab.operator.run(ask.format(address=f"{HEAD}:8265")).stderr
    assert "Connection refused" in lab.operator.run(ask.format(address=f"{HEAD}:8501")).stderr
    assert "HTTP Error 401" in lab.nodes[0].run(ask.format(address="127.0.0.1:8265")).stderr


def test_storage_that_is_not_shared_is_one_sentence(lab: Lab) -> None:
    command = STUDY.format(address="auto").replace(f"{SHARED}/results", "/root/results")
    done = lab.nodes[0].run(command)
    assert done.returncode == 1
    assert re.search(
        r"^error: /root/results/adience is not the same folder on node host[23] \(10\.77\.0\.1[23]\) as here "
        r"\(it has no study\.json\); give --storage a folder that all nodes share$",
        done.stderr,
        flags=re.MULTILINE,
    )
    assert not list((lab.nodes[0].root / "results").rglob("trials/*.json"))


def test_another_keras_on_a_node_is_one_sentence(lab: Lab) -> None:
    other = lab.nodes[2].root / "stagewise" / "keras-3.0.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
    done = lab.nodes[1].run(STUDY.format(address=f"{HEAD}:6379") + " --study other")
    shutil.rmtree(other)
    assert done.returncode == 1
    assert re.search(
        r"^error: node host3 \(10\.77\.0\.13\) has Keras 3\.0\.0, the driver's has [\d.]+; install the same",
        done.stderr,
        flags=re.MULTILINE,
    )
    assert not ledger(lab, "other")


def test_stage_is_searched_from_a_host_that_is_not_the_head(lab: Lab) -> None:
    done = lab.nodes[1].run(STUDY.format(address=f"{HEAD}:6379") + " --study elsewhere --epochs 1")
    assert done.returncode == 0, done.stderr
    assert len(ledger(lab, "elsewhere")) == 5  # with the winner once more, with groups apart


def test_study_outlives_a_killed_worker_and_a_cut_link(lab: Lab, tmp_path: Path) -> None:
    command = STUDY.format(address=f"{HEAD}:6379") + " --study harm --repeats 3 --epochs 30"
    driver = lab.nodes[0].start(command, tmp_path / "log")
    first = after_trials(lab, "harm", 2, driver, tmp_path / "log")
    lab.nodes[1].kill_processes("raylet", "ray::")
    with lab.without_link(2):
        assert not reaches(lab, lab.nodes[2].address)
        time.sleep(30)
    assert reaches(lab, lab.nodes[2].address)
    assert driver.wait(240) == 0, (tmp_path / "log").read_text()
    trials = ledger(lab, "harm")
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}
    assert len(trials) == KEPT
    assert written(lab, "harm").items() >= first.items()


def test_head_of_ones_own_is_trained_on_every_host_and_outlives_a_worker(lab: Lab, tmp_path: Path) -> None:
    wait_until_all_alive(lab)
    (lab.nodes[0].root / "my_heads.py").write_bytes((ROOT / "examples" / "my_heads.py").read_bytes())
    options = " --head my_heads.py:build --study own --repeats 3 --epochs 30"
    driver = lab.nodes[0].start(STUDY.format(address=f"{HEAD}:6379") + options, tmp_path / "log")
    first = after_trials(lab, "own", 2, driver, tmp_path / "log")
    lab.nodes[1].kill_processes("raylet", "ray::")
    assert driver.wait(240) == 0, (tmp_path / "log").read_text()
    trials = ledger(lab, "own")
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}
    assert all(trial["config"]["head"] for trial in trials.values())
    assert len(places(trials)) > 1
    assert written(lab, "own").items() >= first.items()


@pytest.mark.slow
def test_packs_that_end_early_outlive_a_worker(lab: Lab, tmp_path: Path) -> None:
    wait_until_all_alive(lab)
    joint = "--mode joint --search random --num-samples 12 --values lr=1e-4..1e-1:log --values dropout=0..0.5"
    options = " --scheduler asha --pack 2 --study packs --hidden-units 64 --epochs 40"
    command = STUDY.format(address=f"{HEAD}:6379").replace("--stage lr", joint) + options
    driver = lab.nodes[0].start(command, tmp_path / "log")
    first = after_trials(lab, "packs", 1, driver, tmp_path / "log")
    lab.nodes[1].kill_processes("raylet", "ray::")
    assert driver.wait(240) == 0, (tmp_path / "log").read_text()
    trials = ledger(lab, "packs")
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED", "STOPPED"}
    assert written(lab, "packs").items() >= first.items()


@pytest.mark.parametrize("killed", [False, True], ids=["both", "holder-killed"])
def test_two_hosts_with_a_ray_each_share_a_study(lab: Lab, tmp_path: Path, *, killed: bool) -> None:
    wait_until_all_alive(lab)  # else `ray up` starts one again, by `ray stop`, which ends every Ray there
    study = f"shared-{killed}"
    options = f" --study {study} --repeats 3 --epochs 100 --cpus-per-trial 1 --max-concurrent 1"
    command = STUDY.replace(" --address {address}", "") + options
    holder = lab.nodes[0].start(command, tmp_path / "holder")
    after_trials(lab, study, 1, holder, tmp_path / "holder")
    joined = lab.nodes[1].start(command + " --join", tmp_path / "joined")
    wait_until(lambda: "host2" in places(ledger(lab, study)), "the second host has trained", seconds=300)
    first = written(lab, study)
    if killed:
        lab.nodes[0].kill_processes("search.run")
    else:
        assert holder.wait(300) == 0, (tmp_path / "holder").read_text()
    assert joined.wait(300) == 0, (tmp_path / "joined").read_text()
    trials = ledger(lab, study)
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}
    assert len(trials) == KEPT
    assert places(trials) == {"host1", "host2"}
    assert written(lab, study).items() >= first.items()


@pytest.fixture(scope="module")
def in_a_bucket(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Options of a search whose data and study are in a bucket."""
    put_data_in_a_bucket(lab, tmp_path_factory.mktemp("bucket"))
    data = "--data s3://lab/adience.parquet --data-root s3://lab/adience"
    return f"{data} --storage s3://lab/results --cache s3://lab/cache"


@pytest.mark.slow
def test_two_hosts_share_a_study_in_a_bucket(lab: Lab, in_a_bucket: str, tmp_path: Path) -> None:
    options = "--stage lr --backbone keras:MobileNetV2 --repeats 3 --epochs 100 --cpus-per-trial 1"
    command = f"python -m search.run {options} --study bucket --max-concurrent 1 {in_a_bucket}"
    kept = Path(".cache/stagewise-copies/s3/lab/results/bucket/trials")
    wait_until_all_alive(lab)

    def trials(host: Host) -> dict[str, dict[str, Any]]:
        return {path.stem: json.loads(path.read_text()) for path in (host.root / kept).glob("*.json")}

    first, second = lab.nodes[:2]
    holder = first.start(command, tmp_path / "holder")
    wait_until(lambda: trials(first), "a trial has ended", seconds=300)
    joined = second.start(command + " --join", tmp_path / "joined")
    assert holder.wait(300) == 0, (tmp_path / "holder").read_text()
    assert joined.wait(300) == 0, (tmp_path / "joined").read_text()
    assert len(trials(first)) == KEPT
    assert places(trials(first)) == {"host1", "host2"}


@pytest.mark.slow
def test_study_on_images_in_a_bucket_outlives_a_worker(lab: Lab, in_a_bucket: str, tmp_path: Path) -> None:
    wait_until_all_alive(lab)
    options = f"--stage lr --backbone hassner --epochs 4 {in_a_bucket} "
    options += "--cpus-per-trial 1 --keras-backend tensorflow"
    driver = lab.nodes[0].start(f"python -m search.run {options} --address {HEAD}:6379", tmp_path / "log")
    study = Path(".cache/stagewise-copies/s3/lab/results/adience")
    workers = lab.nodes[1:]  # where some train, as not all fit on the head
    wait_until(lambda: any(sent_epochs(host, study) for host in workers), "a worker has sent", seconds=300)
    killed = next(host for host in lab.nodes[1:] if sent_epochs(host, study))
    first = sent_epochs(killed, study)
    killed.kill_processes("raylet", "ray::")
    assert driver.wait(240) == 0, (tmp_path / "log").read_text()
    files = list((lab.nodes[0].root / study / "trials").glob("*.json"))
    trials = {path.stem: json.loads(path.read_text()) for path in files}
    assert [trial["status"] for trial in trials.values()] == ["COMPLETED"] * 4
    for key, epochs in first.items():
        assert trials[key]["epochs"][: len(epochs)] == epochs  # their seconds, too: they were not repeated


def sent_epochs(host: Host, study: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns by key the epochs of a host's trials whose state is in the bucket: all but the last written."""
    found = {}
    for path in (host.root / study / "checkpoints").glob("*/state.npz"):
        with np.load(path) as state:
            found[path.parent.name] = json.loads(str(state["arr_0"]))["epochs"][:-1]
    return {key: epochs for key, epochs in found.items() if epochs}


def put_data_in_a_bucket(lab: Lab, folder: Path) -> None:
    """Starts a server that speaks S3 on the operator's machine, and sends the data there."""
    lab.operator.start(f"moto_server --host {OPERATOR}", folder / "server")
    script = f"""
import boto3, pathlib
s3, data = boto3.client("s3"), pathlib.Path("{SHARED}")
s3.create_bucket(Bucket="lab")
for path in [data / "adience.parquet", *(data / "data" / "adience").rglob("*.*")]:
    s3.upload_file(str(path), "lab", str(path.relative_to(data)).removeprefix("data/"))
"""
    exports = " ".join(f"{name}={value}" for name, value in OBJECT_STORE.items())
    wait_until(lambda: reaches(lab, OPERATOR, 5000), "the object store listens")
    sent = lab.operator.run(f"export {exports}; python -c '{script}'")
    assert sent.returncode == 0, sent.stderr


@pytest.mark.slow
def test_killed_head_is_started_again_and_the_study_continues(lab: Lab, tmp_path: Path) -> None:
    wait_until_all_alive(lab)
    command = STUDY.format(address="auto") + " --study head --repeats 3 --epochs 15"
    driver = lab.nodes[0].start(command, tmp_path / "log")
    after_trials(lab, "head", 2, driver, tmp_path / "log")
    lab.nodes[0].kill_processes("gcs_server", "raylet", "ray::", "ray/dashboard", "search.run")
    assert driver.wait(30) != 0
    first = written(lab, "head")
    assert 2 <= len(first) < TRIALS
    documented(lab, DOCS["Up"][-1])
    again = lab.nodes[0].run(command)
    assert again.returncode == 0, again.stderr
    assert f"{len(first)} of {TRIALS} trials are done already" in again.stderr
    assert len(ledger(lab, "head")) == KEPT
    assert written(lab, "head").items() >= first.items()


def test_documented_end_leaves_no_ray_on_any_host(lab: Lab) -> None:
    for command in DOCS["Down"]:
        documented(lab, command)
    hosts = lab.nodes
    wait_until(lambda: all(host.run("pgrep raylet").returncode == 1 for host in hosts), "no Ray is left")


def reaches(lab: Lab, address: str, port: int = 22) -> bool:
    """Whether the head reaches the SSH server of a host, or what listens at another port."""
    return lab.nodes[0].run(f"timeout 2 bash -c '< /dev/tcp/{address}/{port}'").returncode == 0


def after_trials(
    lab: Lab, study: str, count: int, driver: subprocess.Popen[bytes], log: Path
) -> dict[str, int]:
    """Returns when the trials were written down, as soon as there are `count`."""

    def enough() -> bool:
        assert driver.poll() is None, log.read_text()
        return len(written(lab, study)) >= count

    wait_until(enough, f"{count} trials are in the ledger", seconds=300)
    return written(lab, study)
