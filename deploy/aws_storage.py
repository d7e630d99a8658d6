"""Makes what `cluster.yaml` needs on AWS before the first `ray up`: a bucket, and who may use it.

    python deploy/aws_storage.py my-bucket --region us-east-1

The instance profile `stagewise-worker` may read and write this bucket and nothing else; `stagewise-head` may
also start and end machines, and give workers their profile. What is there already is left or brought up to
date, so that a second run does no harm. Nothing is removed by `ray down`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

HEAD, WORKER = "stagewise-head", "stagewise-worker"
MACHINES = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"  # what Ray gives its own head
_THERE = ("EntityAlreadyExists", "BucketAlreadyOwnedByYou")
_HOME = "us-east-1"  # the one region that S3 wants not to be told


def main(argv: Sequence[str] | None = None) -> int:
    """Makes all of it; returns 0 done, or 1 for what AWS refused, told in one line."""
    parser = argparse.ArgumentParser(description="What cluster.yaml needs on AWS before the first `ray up`.")
    parser.add_argument("bucket", help="name of the bucket, which nobody else in the world has")
    parser.add_argument(
        "--region", default=_HOME, help="where machines and bucket are (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    try:
        make_storage(options.bucket, options.region)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"s3://{options.bucket} is there; write it into cluster.yaml where it says EDIT")
    return 0


def make_storage(bucket: str, region: str) -> None:
    """Makes `bucket` and both profiles; raises what boto3 does where AWS refuses."""
    place = {} if region == _HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    _unless_there(boto3.client("s3", region_name=region).create_bucket, Bucket=bucket, **place)
    storage = [
        _allowed(["s3:ListBucket", "s3:GetBucketLocation"], f"arn:aws:s3:::{bucket}"),
        _allowed(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{bucket}/*"),
    ]
    iam = boto3.client("iam", region_name=region)
    worker = _profile(iam, WORKER, storage)
    _profile(iam, HEAD, [*storage, _allowed(["iam:PassRole"], worker)])
    iam.attach_role_policy(RoleName=HEAD, PolicyArn=MACHINES)


def _profile(iam: Any, name: str, statements: list[dict[str, Any]]) -> str:
    """Makes the role `name` with its profile, and returns the role's ARN."""
    machines = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    _unless_there(iam.create_role, RoleName=name, AssumeRolePolicyDocument=_policy([machines]))
    iam.put_role_policy(RoleName=name, PolicyName="stagewise", PolicyDocument=_policy(statements))
    _unless_there(iam.create_instance_profile, InstanceProfileName=name)
    roles = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    if name not in [role["RoleName"] for role in roles]:  # AWS refuses a second one
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def _allowed(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _unless_there(make: Callable[..., object], **values: Any) -> None:
    try:
        make(**values)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THERE:
            raise


if __name__ == "__main__":
    sys.exit(main())
