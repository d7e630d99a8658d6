"""The cluster files are what Ray and the clouds take, and common mistakes are found where Ray finds none."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from search.dashboard.access import VARIABLE
from tests.cluster.cluster_files import AWS, GCP, KUBERNETES, LAB, ROOT, as_ray_takes_it, edited_keys, read
from tests.cluster.ec2_model import mistakes_in

pytestmark = pytest.mark.cluster
Config = dict[str, Any]
RAY_UP = pytest.mark.parametrize("path", [AWS, LAB, GCP], ids=lambda path: path.name)
ALL = pytest.mark.parametrize("path", [AWS, LAB, GCP, KUBERNETES], ids=lambda path: path.name)


def commands(config: Config, *kinds: str) -> str:
    """Returns the shell commands of those kinds, a line each."""
    return "\n".join(line for kind in kinds for line in config[kind])


@RAY_UP
def test_ray_takes_the_file(path: Path) -> None:
    assert as_ray_takes_it(read(path))["head_node_type"]


@RAY_UP
def test_every_node_demands_the_token(path: Path) -> None:
    config = read(path)
    assert "RAY_AUTH_MODE=token" in commands(config, "setup_commands")
    tokens = [target for target, source in config["file_mounts"].items() if source == "~/.ray/auth_token"]
    assert tokens == [f"{Path(next(iter(config['file_mounts']))).parents[1]}/.ray/auth_token"]


@RAY_UP
def test_dashboards_listen_on_loopback(path: Path) -> None:
    started = commands(read(path), "head_start_ray_commands")
    assert "--dashboard-host=127.0.0.1" in started
    storage = "$(cat ~/.shared_storage)" if path == AWS else "/mnt/shared"
    assert f"python -m search.dashboard {storage}/results" in started
    assert "--host" not in started.replace("--dashboard-host", "")


@RAY_UP
def test_project_is_installed_with_the_locked_versions(path: Path) -> None:
    config = read(path)
    kinds = ("setup_commands",) if path == LAB else ("worker_setup_commands",)
    install = 'uv pip install --quiet --python ~/venv -c requirements.lock ".[gpu,cluster'
    assert install in commands(config, *kinds)
    mounted = {source for source in config["file_mounts"].values() if not source.startswith("~")}
    assert {"setup.cfg", "requirements.lock", "data_prep", "trainables", "search"} <= mounted
    assert all((ROOT / source).exists() for source in mounted)


@ALL
def test_no_key_is_in_the_file(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "aws_secret" not in text.lower()
    assert "WANDB_API_KEY=" not in text


@pytest.mark.parametrize(
    ("path", "least", "most"), [(AWS, 4, 5), (LAB, 4, 5), (GCP, 4, 5), (KUBERNETES, 2, 2)]
)
def test_few_lines_are_to_be_edited(path: Path, least: int, most: int) -> None:
    assert least <= len(edited_keys(path)) <= most


@pytest.mark.parametrize("path", [AWS, GCP], ids=lambda path: path.name)
def test_head_of_a_cloud_runs_no_trials_and_workers_scale_from_zero(path: Path) -> None:
    config = read(path)
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"] == {"CPU": 0}
    assert types["gpu_spot"]["resources"]["GPU"] == 1
    assert [types[name]["min_workers"] for name in ("gpu_spot", "gpu_on_demand")] == [0, 0]
    assert types["gpu_spot"]["max_workers"] == config["max_workers"]


def test_aws_nodes_are_what_ec2_takes() -> None:
    types = read(AWS)["available_node_types"]
    assert {name: mistakes_in(node["node_config"]) for name, node in types.items()} == {
        "head": [],
        "gpu_spot": [],
        "gpu_on_demand": [],
    }


def test_kubernetes_job_has_token_shared_storage_and_gpus() -> None:
    spec = read(KUBERNETES)["spec"]
    cluster = spec["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], workers)]
    assert cluster["authOptions"] == {"mode": "token"}
    assert [pod["containers"][0]["volumeMounts"][0]["mountPath"] for pod in pods] == ["/mnt/shared"] * 2
    assert pods[1]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_kubernetes_head_and_dashboard_have_an_image_without_cuda() -> None:
    cluster = read(KUBERNETES)["spec"]["rayClusterSpec"]
    deployment, _ = yaml.safe_load_all((ROOT / "deploy" / "dashboard.yaml").read_text("utf-8"))
    groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"], deployment["spec"])
    head, worker, dashboard = (group["template"]["spec"]["containers"][0]["image"] for group in groups)
    assert head == dashboard == f"{worker}-cpu"
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert "ARG BACKEND=gpu\n" in text
    assert f":{head.rpartition(':')[2]} --build-arg BACKEND=jax " in text


def mistakes(values: Config, *place: str) -> list[str]:
    """Returns what KubeRay's definition of a RayJob, or the part of it at `place`, refuses of `values`."""
    schema = json.loads(gzip.decompress((Path(__file__).parent / "schemas" / "rayjob.json.gz").read_bytes()))
    for name in place:
        schema = schema["properties"][name]
    return [error.message for error in Draft7Validator(schema).iter_errors(values)]


def test_kubernetes_job_is_one_for_kuberay() -> None:
    job = read(KUBERNETES)
    assert mistakes(job) == []
    job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["toleration"] = []
    assert mistakes(job) == ["Additional properties are not allowed ('toleration' was unexpected)"]


def test_kubernetes_pods_may_write_to_the_claim_and_run_beside_gpus() -> None:
    cluster = read(KUBERNETES)["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    head, worker = (group["template"]["spec"] for group in (cluster["headGroupSpec"], workers))
    assert head["securityContext"]["fsGroup"] == worker["securityContext"]["fsGroup"] == 100
    assert [each["key"] for each in worker["tolerations"]] == ["nvidia.com/gpu"]


def test_kubernetes_dashboard_is_a_pod_behind_a_service_and_a_token() -> None:
    text = (ROOT / "deploy" / "dashboard.yaml").read_text("utf-8")
    deployment, service = yaml.safe_load_all(text)
    template = deployment["spec"]["template"]
    assert mistakes(template, "spec", "rayClusterSpec", "headGroupSpec", "template") == []  # a pod as any
    assert service["spec"]["selector"] == template["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    assert service["spec"]["ports"][0]["port"] == container["ports"][0]["containerPort"]
    python, _, module, *options = container["command"]
    assert (python, module) == ("python", "search.dashboard")
    assert "--host" in options
    assert [each["name"] for each in container["env"]] == [VARIABLE]


def spot(config: Config) -> Config:
    """Returns the node type of spot workers."""
    return dict(config["available_node_types"])["gpu_spot"]


REFUSED: dict[str, tuple[Callable[[Config], Any], str]] = {
    "unknown key": (lambda c: c.update(workers=3), r"'workers' was unexpected"),
    "words for a number": (lambda c: c.update(max_workers="four"), "'four' is not of type 'integer'"),
    "unknown head type": (lambda c: c.update(head_node_type="haed"), "`head_node_type` must be one of"),
    "no head type": (lambda c: c.pop("head_node_type"), "`head_node_type` must be one of"),
    "more at least than at most": (
        lambda c: spot(c).update(min_workers=9),
        "`max_workers` is smaller than the sum of `min_workers`",
    ),
    "unknown provider": (lambda c: c["provider"].update(type="awss"), "Unsupported node provider: awss"),
    "misspelt key of a type": (lambda c: spot(c).update(node_conf={}), "'node_conf' was unexpected"),
    "type without a machine": (lambda c: spot(c).pop("node_config"), "'node_config' is a required property"),
    "words for a resource": (
        lambda c: spot(c).update(resources={"GPU": "one"}),
        "'one' is not of type 'integer'",
    ),
    "negative time": (lambda c: c.update(idle_timeout_minutes=-1), "-1 is less than the minimum of 0"),
    "one command, not a list": (lambda c: c.update(setup_commands="pip install ."), "can only concatenate"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_ray_refuses_a_file_with(mistake: str) -> None:
    make, said = REFUSED[mistake]
    config = read(AWS)
    make(config)
    with pytest.raises(Exception, match=said):
        as_ray_takes_it(config)


MISTAKEN: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt key": ({"InstanceTyp": "g4dn.xlarge"}, 'Unknown parameter in input: "InstanceTyp"'),
    "unknown machine": (
        {"InstanceType": "g4dn.huge"},
        "InstanceType is 'g4dn.huge', which EC2 does not have",
    ),
    "unknown market": (
        {"InstanceMarketOptions": {"MarketType": "sopt"}},
        "InstanceMarketOptions.MarketType is 'sopt', which EC2 does not have",
    ),
    "unknown disk": (
        {"BlockDeviceMappings": [{"Ebs": {"VolumeType": "gp9"}}]},
        "BlockDeviceMappings[0].Ebs.VolumeType is 'gp9', which EC2 does not have",
    ),
    "words for a size": (
        {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": "200 GB"}}]},
        "Invalid type for parameter BlockDeviceMappings[0].Ebs.VolumeSize, value: 200 GB",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKEN)
def test_ray_accepts_what_ec2_does_not_and_we_do_not(mistake: str) -> None:
    change, said = MISTAKEN[mistake]
    config = read(AWS)
    spot(config)["node_config"].update(change)
    as_ray_takes_it(config)
    assert [line[: len(said)] for line in mistakes_in(spot(config)["node_config"])] == [said]
