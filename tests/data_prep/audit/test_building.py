from __future__ import annotations

from collections.abc import Callable

import pytest

from data_prep.audit.building import audited
from data_prep.groups import APART, TOGETHER
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

Make = Callable[..., Manifest]
MakeLooks = Callable[..., list[Look]]


@pytest.mark.parametrize(
    ("source", "alike", "keeps"),
    [
        ("folder", None, True),
        ("folder", APART, False),
        ("adience", None, False),
        ("celeba", None, False),
        ("sample", None, False),
        ("adience", TOGETHER, True),
    ],
)
def test_alike_images_are_kept_together_unless_the_data_is_published(
    made_manifest: Make, made_looks: MakeLooks, source: str, alike: str | None, keeps: bool
) -> None:
    before, looks = made_manifest(source=source), made_looks(60)
    looks[59] = looks[6]
    after, audit = audited(before, looks, alike)
    numbers = after.table["alike"]
    assert numbers.dropna().to_dict() == ({6: 0, 59: 0} if keeps else {})
    assert (after.digest != before.digest) is keeps
    assert (
        "equal pictures in other files: 1 group of 2 pictures; 1 with more than one class" in audit.short()[0]
    )


def test_manifest_of_nothing_alike_keeps_its_digest(made_manifest: Make, made_looks: MakeLooks) -> None:
    assert audited(made_manifest(), made_looks(60))[0].digest == made_manifest().digest
