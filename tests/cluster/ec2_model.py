"""What EC2 takes to start a machine, asked of the model that botocore ships; Ray's schema lacks it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator


def mistakes_in(node_config: Mapping[str, Any]) -> list[str]:
    """Returns a line for each key, type and value in `node_config` that EC2 would not take."""
    shape = _service().operation_model("RunInstances").input_shape
    values = {**node_config, "MinCount": 1, "MaxCount": 1}  # Ray adds these
    report = ParamValidator().validate(values, shape).generate_report()
    return [*report.splitlines(), *_unknown_values(values, shape, "")]


def _unknown_values(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name, member in shape.members.items():
            if name in value:
                yield from _unknown_values(value[name], member, f"{where}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _unknown_values(entry, shape.member, f"{where}[{number}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{where.removeprefix('.')} is {value!r}, which EC2 does not have"


@functools.cache
def _service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("ec2", "service-2"))
