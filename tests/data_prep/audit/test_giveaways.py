from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from data_prep.audit.giveaways import giveaways
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

Make = Callable[..., Manifest]
MakeLooks = Callable[..., list[Look]]


def test_camera_of_one_class_is_named(made_manifest: Make, made_looks: MakeLooks) -> None:
    manifest = made_manifest(subjects=40)  # every other three rows are dogs
    labels = manifest.table["label"].tolist()
    looks = [
        replace(look, camera="Canon EOS" if label else "")
        for look, label in zip(made_looks(120), labels, strict=True)
    ]
    found = giveaways(manifest, looks)
    said = "camera Canon EOS: 60 of 60 are 'dog', which 50% of all pictures are: a network"
    assert found.sentence == f"{said} may learn that instead"
    assert found.warns


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"width": [100, 100, 100, 300, 300, 300] * 20, "height": 100}, "size 300 x 100: 60 of 60"),
        ({"mode": ["L", "L", "L", "RGB", "RGB", "RGB"] * 20}, "colours L: 60 of 60 are 'cat'"),
        ({"path": [f"{row}.{'pPj'[row // 3 % 2 * 2]}ng" for row in range(120)]}, "suffix .png: 60 of 60"),
    ],
)
def test_size_colours_and_suffix_of_one_class_are_named(
    made_manifest: Make, made_looks: MakeLooks, columns: dict[str, object], said: str
) -> None:
    assert said in giveaways(made_manifest(subjects=40, **columns), made_looks(120)).sentence


def test_trait_that_chance_explains_is_not_named(made_manifest: Make, made_looks: MakeLooks) -> None:
    width = [300 if row % 6 > 2 and row < 60 else 100 + row for row in range(120)]
    few = [300 if row in (3, 4, 5, 9, 10, 11, 15, 16, 17, 21) else 100 for row in range(120)]
    assert giveaways(made_manifest(subjects=40, width=few, height=100), made_looks(120)).counts["traits"] == 0
    assert giveaways(made_manifest(subjects=40, width=width, height=100), made_looks(120)).warns
