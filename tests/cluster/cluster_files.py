"""The cluster files of the project, read as their users read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
AWS, LAB, GCP = (ROOT / name for name in ("cluster.yaml", "deploy/lab.yaml", "deploy/gcp.yaml"))
KUBERNETES = ROOT / "deploy" / "rayjob.yaml"


def read(path: Path) -> dict[str, Any]:
    """Returns the file's values."""
    return dict(yaml.safe_load(path.read_text("utf-8")))


def as_ray_takes_it(config: dict[str, Any]) -> dict[str, Any]:
    """Returns `config` with Ray's defaults; raises what `ray up` would raise."""
    prepared = dict(prepare_config(config))
    validate_config(prepared)
    return prepared


def edited_keys(path: Path) -> list[str]:
    """Returns what stands on the lines that a user is asked to edit, without the comment."""
    lines = [line for line in path.read_text("utf-8").splitlines() if "# EDIT" in line]
    return [line.partition("# EDIT")[0].strip() for line in lines]
