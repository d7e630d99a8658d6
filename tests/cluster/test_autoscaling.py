"""From no worker to four and back: Ray's autoscaler with its pretended machines, on a host of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_prep.datasets.drawn_sample import draw_sample
from tests.cluster.hosts import SHARED, Host, Lab, why_not
from tests.waiting import wait_until

reason = why_not()
pytestmark = [pytest.mark.hosts, pytest.mark.skipif(reason is not None, reason=str(reason))]

NOTHING = ("auth", "docker", "file_mounts")
NONE_OF_THESE = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands"),
    *("cluster_synced_files", "rsync_exclude", "rsync_filter"),
)
CLUSTER: dict[str, Any] = {
    **{key: {} for key in NOTHING},
    **{key: [] for key in NONE_OF_THESE},
    "cluster_name": "pretended",
    "max_workers": 4,
    "upscaling_speed": 10.0,
    "idle_timeout_minutes": 0.15,
    "file_mounts_sync_continuously": False,
    "provider": {"type": "fake_multinode", "use_node_id_as_ip": True, "disable_node_updaters": True}
    | {"disable_launch_config_check": True},
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 4},
    },
}
BEGIN = (
    "RAY_FAKE_CLUSTER=1 AUTOSCALER_UPDATE_INTERVAL_S=1 RAY_enable_autoscaler_v2=0 "
    "ray start --head --num-cpus=0 --autoscaling-config=/root/cluster.json"
)
STUDY = (
    "python -m search.run --stage lr --backbone keras:MobileNetV2 --epochs 5 --address auto "
    f"--cpus-per-trial 1 --data {SHARED}/faces.parquet --storage {SHARED}/results --cache {SHARED}/cache"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A host with a head that trains nothing and an autoscaler that may start four workers."""
    folder = tmp_path_factory.mktemp("scaling")
    lab = Lab(folder, folder / "storage")
    try:
        lab.up(1)
        (host,) = lab.nodes
        exports = "export PATH=$HOME/venv/bin:$PATH RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled"
        (host.root / ".bash_profile").write_text(f"{exports} PYTHONPATH={Path(__file__).parents[2]}\n")
        (host.root / "cluster.json").write_text(json.dumps(CLUSTER))
        draw_sample(lab.storage / "data", photos=3000, celeba_photos=20)
        faces = f"--root {SHARED}/data/adience --out {SHARED}/faces.parquet"
        for command in (f"python -m data_prep.build adience {faces}", BEGIN):
            done = host.run(command)
            assert done.returncode == 0, done.stdout + done.stderr
        yield lab
    finally:
        lab.down()


def workers(host: Host) -> int:
    """Returns how many workers there are: Ray runs a process of this name for each node, the head too."""
    return int(host.run("pgrep --count --exact raylet").stdout) - 1


def test_workers_come_for_a_study_and_go_after_it(lab: Lab, tmp_path: Path) -> None:
    (host,) = lab.nodes
    assert workers(host) == 0
    log = tmp_path / "log"
    driver = host.start(STUDY + " --study scaled", log)
    counts = [0]

    def ended() -> bool:
        counts.append(workers(host))
        return driver.poll() is not None

    wait_until(ended, "the study has ended", seconds=600)
    assert driver.wait() == 0, log.read_text()
    assert re.search(
        r"^waiting   for a node with 1 CPUs and 0 GPUs, \d+ of 900 s", log.read_text(), re.MULTILINE
    )
    assert len(list((lab.storage / "results" / "scaled" / "trials").glob("*.json"))) == 5  # and groups apart
    assert max(counts) >= 4  # one that is just being started may be counted twice
    (made,) = (json.loads(path.read_text()) for path in lab.storage.glob("cache/features/*/index.json"))
    assert len(made["made_on"]) == 4
    assert sum(made["made_on"].values()) == 3000
    wait_until(lambda: not workers(host), "the workers have gone")


def test_model_asks_for_as_many_workers_as_it_may_use_at_a_time(lab: Lab, tmp_path: Path) -> None:
    (host,) = lab.nodes
    wait_until(lambda: not workers(host), "no worker is left of before")
    joint = "--mode joint --search tpe --num-samples 8 --max-concurrent 4"
    driver = host.start(STUDY.replace("--stage lr", joint) + " --study asked", tmp_path / "log")
    counts = [0]

    def ended() -> bool:
        counts.append(workers(host))
        return driver.poll() is not None

    wait_until(ended, "the study has ended", seconds=600)
    assert driver.wait() == 0, (tmp_path / "log").read_text()
    assert max(counts) >= 4
    wait_until(lambda: not workers(host), "the workers have gone")


def test_node_that_never_comes_is_one_sentence(lab: Lab) -> None:
    (host,) = lab.nodes
    command = STUDY.replace("--cpus-per-trial 1", "--cpus-per-trial 8 --node-timeout 3s")
    done = host.run(command + " --study never")
    assert done.returncode == 1
    assert re.search(
        r"^error: a node with 8 CPUs and 0 GPUs did not start within 3 s \(the largest of \d nodes? has",
        done.stderr,
        re.MULTILINE,
    )
