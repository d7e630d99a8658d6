from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from data_prep.audit.outliers import brightness, sharpness, sizes
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

Make = Callable[..., Manifest]
MakeLooks = Callable[..., list[Look]]


def test_sizes_name_small_and_long_pictures(made_manifest: Make) -> None:
    width, height = [40, 400, *[100] * 58], [90, 100, *[120] * 58]
    found = sizes(made_manifest(width=width, height=height))
    assert found.sentence == (
        "shorter sides of 40 to 100 pixels, median 100; 1 below 64; 1 with a side 3 times as long as the "
        "other, which a square distorts"
    )
    assert [(group.rows, group.says) for group in found.groups] == [((0,), "40 x 90"), ((1,), "400 x 100")]


def test_sizes_of_an_earlier_manifest_are_unknown(made_manifest: Make) -> None:
    assert sizes(made_manifest()).sentence == "unknown: built by an earlier version"


def test_brightness_names_black_and_white_pictures(made_looks: MakeLooks) -> None:
    looks = made_looks(30)
    looks[3], looks[7] = replace(looks[3], brightness=8.0), replace(looks[7], brightness=251.0)
    found = brightness(looks)
    assert [(group.rows, group.says) for group in found.groups] == [
        ((7,), "brightness 251.0"),
        ((3,), "brightness 8.0"),
    ]


def test_sharpness_names_what_is_far_below_the_others(made_looks: MakeLooks) -> None:
    looks = [replace(look, sharpness=10.0 + row % 7) for row, look in enumerate(made_looks(30))]
    looks[4] = replace(looks[4], sharpness=0.5)
    assert [group.rows for group in sharpness(looks).groups] == [(4,)]


def test_nothing_is_named_where_pictures_are_like_each_other(made_looks: MakeLooks) -> None:
    looks = made_looks(30)
    assert {brightness(looks).sentence, sharpness(looks).sentence} == {"no picture is unlike the others"}
