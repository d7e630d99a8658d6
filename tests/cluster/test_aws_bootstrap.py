"""`ray up cluster.yaml` against a pretended EC2: which machines it starts, and that it ends them."""

from __future__ import annotations

import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler import tags

from tests.cluster.cluster_files import AWS, ROOT, as_ray_takes_it, read

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


def aws_storage() -> dict[str, Any]:
    """Returns what deploy/aws_storage.py defines."""
    return runpy.run_path(str(ROOT / "deploy" / "aws_storage.py"))


def make_storage(bucket: str, region: str) -> None:
    aws_storage()["make_storage"](bucket, region)


def test_storage_is_made_once_and_named_by_the_file(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    region = read(AWS)["provider"]["region"]
    assert aws_storage()["main"](["faces-of-mine", "--region", region]) == 0
    assert aws_storage()["main"](["faces-of-mine", "--region", region]) == 0  # what is there is left
    assert "s3://faces-of-mine is there" in capsys.readouterr().out
    iam = boto3.client("iam")
    profiles = {
        each["InstanceProfileName"]: each for each in iam.list_instance_profiles()["InstanceProfiles"]
    }
    nodes = read(AWS)["available_node_types"].values()
    assert {node["node_config"]["IamInstanceProfile"]["Name"] for node in nodes} == set(profiles)
    assert all(len(profile["Roles"]) == 1 for profile in profiles.values())


def test_workers_may_use_the_bucket_alone(ec2: Any) -> None:
    make_storage("faces-of-mine", "eu-central-1")
    iam = boto3.client("iam")
    policy = iam.get_role_policy(RoleName="stagewise-worker", PolicyName="stagewise")["PolicyDocument"]
    resources = [statement["Resource"] for statement in policy["Statement"]]
    assert resources == ["arn:aws:s3:::faces-of-mine", "arn:aws:s3:::faces-of-mine/*"]
    assert iam.list_attached_role_policies(RoleName="stagewise-worker")["AttachedPolicies"] == []
    head = iam.get_role_policy(RoleName="stagewise-head", PolicyName="stagewise")["PolicyDocument"]
    worker = iam.get_role(RoleName="stagewise-worker")["Role"]["Arn"]
    assert {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": worker} in head["Statement"]


def test_what_aws_refuses_is_one_sentence(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert aws_storage()["main"](["x", "--region", "eu-central-1"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def bootstrapped(ec2: Any) -> tuple[dict[str, Any], Any]:
    """Returns the file as Ray completes it, and Ray's hands on the cloud."""
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.providers import _get_node_provider

    config = read(AWS)
    make_storage("faces-of-mine", config["provider"]["region"])
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
