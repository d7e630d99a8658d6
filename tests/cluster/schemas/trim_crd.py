"""Makes rayjob.json.gz of KubeRay's definition, without descriptions and closed: unknown fields are refused.

git -C kuberay show v1.6.2:helm-chart/kuberay-operator/crds/ray.io_rayjobs.yaml > rayjobs.yaml
python tests/cluster/schemas/trim_crd.py rayjobs.yaml
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import yaml

_OPEN = "x-kubernetes-preserve-unknown-fields"


def closed(schema: Any) -> Any:
    """Returns `schema` as JSON Schema that takes no unknown field, as the cluster's strict check does."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: closed(value)
        for name, value in schema.items()
        if not name.startswith("x-") and not (name == "description" and isinstance(value, str))
    }
    if isinstance(schema.get("properties"), dict) and "type" in schema and not schema.get(_OPEN):
        kept.setdefault("additionalProperties", False)
    return kept


if __name__ == "__main__":
    definition = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    (version,) = (each for each in definition["spec"]["versions"] if each["name"] == "v1")
    text = json.dumps(closed(version["schema"]["openAPIV3Schema"]), separators=(",", ":"))
    Path(__file__).with_name("rayjob.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
