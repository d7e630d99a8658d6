"""Cost of backbones: what is counted of a network, and what is known without building one."""

from __future__ import annotations

import pytest

from trainables.backbones.cost import KNOWN, Cost, built_cost, known_cost
from trainables.backbones.table import APPLICATIONS, find_backbone


@pytest.mark.training
def test_products_of_a_kernel_are_counted_at_every_place_of_the_output() -> None:
    import keras  # seconds, which the other tests do without
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same"),  # 3 * 3 * 3 * 4 at 16 places
            layers.SeparableConv2D(2, 3, padding="same", use_bias=False),  # 3 * 3 * 4 + 4 * 2 at 16 places
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),  # 2 * 5
        ]
    )
    weights = (108 + 4) + (36 + 8) + (10 + 5)
    assert built_cost(network) == Cost(weights=weights / 1e6, gflop=2 * (108 * 16 + 44 * 16 + 10) / 1e9)


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
