"""Which cached rows a configuration reads."""

import pytest

from trainables.features.images import Reading
from trainables.features.inputs import (
    cropped,
    find_rows,
    rows_of_pictures,
    rows_read_by,
    sides_of,
    uncropped,
)
from trainables.trial import TrialConfig


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"backbone": "resnet50_v2"}, "resnet50_v2"),
        ({"backbone": "hassner"}, "pixels:227"),
        ({"backbone": "hassner", "augment": "flip"}, "pixels:227"),
        ({"backbone": "hassner", "augment": "crop_flip"}, "pixels:256"),
        ({"backbone": "resnet50_v2", "unfrozen_blocks": 2}, "pixels:224"),
        ({"backbone": "resnet50_v2", "unfrozen_blocks": "all", "augment": "crop_flip"}, "pixels:253"),
        ({"backbone": "inception_v3", "unfrozen_blocks": 1, "augment": "crop_flip"}, "pixels:337"),
    ],
)
def test_rows_of_a_configuration(options: dict[str, object], rows: str) -> None:
    config = TrialConfig.from_dict(options)
    assert rows_read_by(config) == rows
    assert config.trains_on_images == rows.startswith("pixels")


def test_rows_that_are_pixels_have_no_backbone() -> None:
    rows = find_rows("pixels:253")
    assert (rows.input_px, rows.frozen, rows.application, rows.preprocessing) == (253, False, "", "")


def test_rows_of_a_backbone_are_its_features() -> None:
    assert find_rows("resnet50_v2").frozen


@pytest.mark.parametrize("px", [64, 96, 224, 227, 299, 331, 384, 600])
def test_crop_of_the_larger_image_has_the_side_that_was_asked_for(px: int) -> None:
    assert cropped(uncropped(px)) == px


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"backbone": "keras:MobileNetV2", "input_px": 160}, "keras:MobileNetV2@160"),
        ({"backbone": "keras:MobileNetV2", "pooling": "max"}, "keras:MobileNetV2@max"),
        (
            {"backbone": "inception_v3+resnet50_v2", "input_px": 224, "pooling": "max"},
            "inception_v3@224@max+resnet50_v2@224@max",
        ),
        ({"backbone": "keras:MobileNetV2", "input_px": 160, "unfrozen_blocks": 1}, "pixels:160"),
    ],
)
def test_input_size_and_pooling_have_rows_of_their_own(options: dict[str, object], rows: str) -> None:
    assert rows_read_by(TrialConfig.from_dict(options)) == rows


def test_rows_side_by_side_are_made_one_by_one() -> None:
    name = rows_of_pictures("keras:A+keras:B@160", Reading("nearest"))
    assert sides_of(name) == ("keras:A, pictures: nearest", "keras:B@160, pictures: nearest")
    assert sides_of("pixels:227") == ("pixels:227",)
