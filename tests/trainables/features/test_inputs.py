"""Which cached rows a configuration reads."""

import pytest

from trainables.features.inputs import cropped, find_rows, reads_images, rows_read_by, uncropped
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
    assert reads_images(config) == rows.startswith("pixels")


def test_rows_that_are_pixels_have_no_backbone() -> None:
    rows = find_rows("pixels:253")
    assert (rows.input_px, rows.frozen, rows.application, rows.preprocessing) == (253, False, "", "")


def test_rows_of_a_backbone_are_its_features() -> None:
    assert find_rows("resnet50_v2").frozen


@pytest.mark.parametrize("px", [64, 96, 224, 227, 299, 331, 384, 600])
def test_crop_of_the_larger_image_has_the_side_that_was_asked_for(px: int) -> None:
    assert cropped(uncropped(px)) == px
