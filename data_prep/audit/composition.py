"""What the data is made of: the images of each class, and the groups that must not be divided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from data_prep.audit.finding import Finding, Pictures
from data_prep.class_names import listed, shown_name
from data_prep.groups import groups_of
from data_prep.manifest import Manifest

FEW_IMAGES = 50  # of a class: a fifth of them, ten, decide on its validation accuracy
MOST_IMBALANCE = 10  # times as many images of the largest class as of the smallest
LARGE_GROUP = 0.1  # of all rows
_KINDS = {"identity": "an identity"}
_NAMED = 12  # classes in a sentence
_OF_ONE_CLASS = ("face", "identity")  # a user or a column may well have images of several


def classes(manifest: Manifest) -> Finding:
    """Returns the finding on how many images each class has."""
    counts = manifest.class_counts()
    wrong = list(_imbalance(min(counts), max(counts)))
    return Finding(
        kind="classes",
        title="classes",
        sentence="; ".join([_shares(manifest.class_names, counts), *wrong]),
        warns=bool(wrong),
        counts=dict(zip(manifest.class_names, counts, strict=True)),
    )


def _shares(names: tuple[str, ...], counts: list[int]) -> str:
    if len(counts) > _NAMED:
        return f"{len(counts):,}, of {min(counts):,} to {max(counts):,} images"
    total = max(1, sum(counts))
    shown = zip((listed([name]) for name in names), counts, strict=True)
    return ", ".join(f"{name} {count:,} ({count / total:.0%})" for name, count in shown)


def _imbalance(least: int, most: int) -> Iterator[str]:
    if least < FEW_IMAGES:
        images = "1 image" if least == 1 else f"{least:,} images"
        yield f"the smallest has {images}, too few to tell a good value from luck"
    if most > MOST_IMBALANCE * max(least, 1):
        times = most / max(least, 1)
        yield f"the largest has {times:.0f} times as many as the smallest, which plain accuracy hides"


def groups(manifest: Manifest) -> Finding:
    """Returns the finding on the groups: how many, how large, and those with several classes."""
    names = groups_of(manifest.table, manifest.group_kind)
    known = manifest.table.assign(group=names).dropna(subset=["group"])
    if known.empty:
        unknown = "unknown: one person or thing may be on both sides of a split without anyone knowing"
        return Finding(kind="groups", title="groups", sentence=unknown, counts={"groups": 0})
    sizes = known["group"].value_counts()
    classes_of = known.groupby("group")["label"].nunique()
    several = classes_of[classes_of > 1].index
    is_large = bool(sizes.max() > LARGE_GROUP * len(manifest))
    return Finding(
        kind="groups",
        title="groups",
        sentence="; ".join(_sizes_in_words(manifest, sizes, several=len(several), is_large=is_large)),
        warns=is_large or bool(len(several) and manifest.group_kind in _OF_ONE_CLASS),
        counts={
            "groups": len(sizes),
            "of_one_image": int((sizes == 1).sum()),
            "images_without": len(manifest) - len(known),
            "of_several_classes": len(several),
        },
        groups=tuple(_rows_of(names, name) for name in several),
    )


def _sizes_in_words(manifest: Manifest, sizes: pd.Series, *, several: int, is_large: bool) -> Iterator[str]:
    kind = _KINDS.get(manifest.group_kind, f"a {manifest.group_kind or 'group'}")
    yield (
        f"{len(sizes):,} (each {kind}), of {sizes.min():,} to {sizes.max():,} images, median "
        f"{sizes.median():g}, {(sizes == 1).sum():,} of one image"
    )
    without = len(manifest) - int(sizes.sum())
    if without:
        yield f"{without:,} images have none"
    if is_large:
        largest = shown_name(sizes.index[0])
        yield f"the largest, {largest}, has {sizes.max() / len(manifest):.0%} of all images"
    if several:
        yield f"{several:,} have more than one class"


def _rows_of(names: pd.Series, name: str) -> Pictures:
    is_of = (names == name).to_numpy(dtype=bool, na_value=False)
    return Pictures(tuple(np.flatnonzero(is_of).tolist()), f"group {name}")
