"""Cost of backbones: what is known of a network without building one."""

from __future__ import annotations

import pytest

from trainables.backbones.cost import KNOWN, Cost, known_cost
from trainables.backbones.table import APPLICATIONS, find_backbone


def test_cost_of_every_application_is_known() -> None:
    assert KNOWN.keys() == APPLICATIONS.keys()
    assert known_cost(find_backbone("inception_v3")) == Cost(weights=21.8, gflop=KNOWN["InceptionV3"][1])


def test_cost_of_another_input_size_goes_with_its_area() -> None:
    usual, small = (known_cost(find_backbone(f"keras:MobileNetV2{side}")) for side in ("", "@112"))
    assert usual
    assert small == Cost(weights=usual.weights, gflop=pytest.approx(usual.gflop / 4))


def test_cost_of_backbones_side_by_side_is_their_sum() -> None:
    one, other = (known_cost(find_backbone(name)) for name in ("keras:MobileNetV2", "resnet50_v2"))
    both = known_cost(find_backbone("keras:MobileNetV2+resnet50_v2"))
    assert one
    assert other
    assert both == Cost(weights=one.weights + other.weights, gflop=one.gflop + other.gflop)


def test_cost_of_a_network_that_is_trained_whole_is_not_known() -> None:
    assert known_cost(find_backbone("hassner")) is None
