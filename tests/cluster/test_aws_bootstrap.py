"""`ray up cluster.yaml` against a pretended EC2: which machines it starts, and that it ends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler import tags

from tests.cluster.cluster_files import AWS, as_ray_takes_it, read

boto3 = pytest.importorskip("boto3", reason="needs the extra cluster")
moto = pytest.importorskip("moto", reason="needs the extra dev")
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default::DeprecationWarning")]


class NoSleep:
    """The module time, but that nobody waits: Ray waits half a minute for IAM, and moto needs no time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Returns at once."""


@pytest.fixture
def ec2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a client of a pretended EC2, in a home folder that is empty."""
    from ray.autoscaler._private.aws import config as rays

    (tmp_path / ".ssh").mkdir()
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rays, "time", NoSleep())
    with moto.mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield boto3.client("ec2", region_name=read(AWS)["provider"]["region"])


def bootstrapped(ec2: Any) -> tuple[dict[str, Any], Any]:
    """Returns the file as Ray completes it, and Ray's hands on the cloud."""
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.providers import _get_node_provider

    config = read(AWS)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    for node in config["available_node_types"].values():
        node["node_config"]["ImageId"] = image
    whole = bootstrap_aws(as_ray_takes_it(config))
    return whole, _get_node_provider(whole["provider"], whole["cluster_name"], use_cache=False)


def create(whole: dict[str, Any], provider: Any, kind: str, node_type: str) -> None:
    """Has Ray start one machine."""
    labels = {
        tags.TAG_RAY_NODE_KIND: kind,
        tags.TAG_RAY_USER_NODE_TYPE: node_type,
        tags.TAG_RAY_CLUSTER_NAME: whole["cluster_name"],
        tags.TAG_RAY_NODE_STATUS: "uninitialized",
    }
    provider.create_node(whole["available_node_types"][node_type]["node_config"], labels, 1)


def machines(ec2: Any) -> list[dict[str, Any]]:
    """Returns the machines of EC2."""
    return [machine for group in ec2.describe_instances()["Reservations"] for machine in group["Instances"]]


def test_head_and_spot_workers_are_created_and_terminated(ec2: Any) -> None:
    whole, provider = bootstrapped(ec2)
    create(whole, provider, "head", "head")
    create(whole, provider, "worker", "gpu_spot")
    create(whole, provider, "worker", "gpu_spot")
    started = [(machine["InstanceType"], machine.get("InstanceLifecycle")) for machine in machines(ec2)]
    assert sorted(started, key=str) == [
        ("g4dn.xlarge", "spot"),
        ("g4dn.xlarge", "spot"),
        ("m5.large", None),
    ]
    workers = provider.non_terminated_nodes({tags.TAG_RAY_USER_NODE_TYPE: "gpu_spot"})
    assert len(workers) == 2
    provider.terminate_nodes(provider.non_terminated_nodes({}))
    assert {machine["State"]["Name"] for machine in machines(ec2)} == {"terminated"}


def test_only_ssh_comes_in_from_outside(ec2: Any) -> None:
    bootstrapped(ec2)
    groups = ec2.describe_security_groups()["SecurityGroups"]
    (ours,) = [group for group in groups if group["GroupName"] == "ray-autoscaler-stagewise"]
    from_outside = [rule for rule in ours["IpPermissions"] if rule["IpRanges"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in from_outside] == [(22, 22)]


def test_disk_and_key_are_set(ec2: Any) -> None:
    whole, _ = bootstrapped(ec2)
    worker = whole["available_node_types"]["gpu_spot"]["node_config"]
    assert worker["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 200
    assert Path(whole["auth"]["ssh_private_key"]).is_file()
    assert worker["SecurityGroupIds"]
