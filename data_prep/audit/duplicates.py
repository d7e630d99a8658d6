"""Pictures that are there more than once: as files, as pixels, nearly; with two labels, on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_prep.audit.alike import Groups, equal_groups, rows_of
from data_prep.audit.finding import Finding, Pictures, pictures
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look
from data_prep.splits import Split

EQUAL_FILES, EQUAL_PICTURES = "equal_files", "equal_pictures"
NEAR_PICTURES, NEAR_FEATURES = "near_pictures", "near_features"
_TITLES = {
    EQUAL_FILES: "equal files",
    EQUAL_PICTURES: "equal pictures in other files",
    NEAR_PICTURES: "nearly equal pictures",
    NEAR_FEATURES: "pictures that a network takes for nearly equal",
}


def equal_files(manifest: Manifest, splits: Sequence[Split]) -> Finding:
    """Returns the finding on files of the same bytes."""
    return _finding(EQUAL_FILES, equal_groups(manifest.image_digests), manifest, splits)


def equal_pictures(manifest: Manifest, splits: Sequence[Split], looks: Sequence[Look]) -> Finding:
    """Returns the finding on files of other bytes and the same pixels."""
    pixels = equal_groups([look.pixels for look in looks])
    return _finding(EQUAL_PICTURES, _of_several(pixels, manifest.image_digests), manifest, splits)


def near_pictures(
    manifest: Manifest, splits: Sequence[Split], near: Groups, looks: Sequence[Look]
) -> Finding:
    """Returns the finding on the groups `near` of pictures that look alike and are not all equal."""
    return _finding(NEAR_PICTURES, _of_several(near, [look.pixels for look in looks]), manifest, splits)


def near_features(manifest: Manifest, splits: Sequence[Split], groups_: Groups, near: Groups) -> Finding:
    """Returns the finding on the groups of features that are more than one of the groups `near`."""
    # -1 is no group: each such row is one by itself
    apart = np.where(near < 0, near.size + np.arange(near.size), near)
    return _finding(NEAR_FEATURES, _of_several(groups_, apart.tolist()), manifest, splits)


def kept_together(manifest: Manifest, splits: Sequence[Split], alike: Groups) -> Finding:
    """Returns the finding on the groups `alike` that the manifest names, equal files aside."""
    return _finding(NEAR_PICTURES, _of_several(alike, manifest.image_digests), manifest, splits)


def _of_several(found: Groups, names: Sequence[object]) -> Groups:
    """Returns the groups without those whose rows all have one name: another finding tells of them."""
    kept = np.full_like(found, -1)
    for number, rows in enumerate(rows_of(found)):
        if len({names[row] for row in rows}) > 1:
            kept[rows] = number
    return kept


def _finding(kind: str, found: Groups, manifest: Manifest, splits: Sequence[Split]) -> Finding:
    labels, sides = manifest.table["label"].to_numpy(), _sides(splits, len(manifest))
    together = [
        _Together(tuple(rows), np.unique(labels[rows]).size > 1, _crosses(sides[:, rows]))
        for rows in rows_of(found)
    ]
    return Finding(
        kind=kind,
        title=_TITLES[kind],
        sentence=_sentence(kind, together, split=splits[0].name if splits else ""),
        warns=any(group.contradicts or group.leaks for group in together),
        counts={
            "groups": len(together),
            "pictures": sum(len(group.rows) for group in together),
            "across_classes": sum(group.contradicts for group in together),
            "across_split": sum(group.leaks for group in together),
        },
        groups=tuple(group.shown() for group in sorted(together, key=_Together.rank)),
    )


@dataclass(frozen=True)
class _Together:
    rows: tuple[int, ...]
    contradicts: bool
    leaks: bool

    def rank(self) -> tuple[bool, bool]:
        """Returns what the worst is first by."""
        return not self.contradicts, not self.leaks

    def shown(self) -> Pictures:
        """Returns the group with what is wrong with it."""
        wrong = [("more than one class", self.contradicts), ("both sides of the split", self.leaks)]
        return Pictures(self.rows, ", ".join(words for words, is_so in wrong if is_so))


def _sides(splits: Sequence[Split], rows: int) -> npt.NDArray[np.int8]:
    """Returns which part of each split every row is in, `(splits, n)`, -1 for none."""
    sides = np.full((len(splits), rows), -1, dtype=np.int8)
    for number, split in enumerate(splits):
        for side, part in enumerate((split.train, split.validation, split.test)):
            sides[number, part] = side
    return sides


def _crosses(sides: npt.NDArray[np.int8]) -> bool:
    return any(np.unique(parts[parts >= 0]).size > 1 for parts in sides)


def _sentence(kind: str, together: Sequence[_Together], *, split: str) -> str:
    if not together:
        return "none"
    number = "1 group" if len(together) == 1 else f"{len(together):,} groups"
    said = [f"{number} of {pictures(sum(len(group.rows) for group in together))}"]
    if contradictions := sum(group.contradicts for group in together):
        is_wrong = "is wrong" if kind in (EQUAL_FILES, EQUAL_PICTURES) else "may be wrong"
        said.append(f"{contradictions:,} with more than one class: one of the labels {is_wrong}")
    if leaks := sum(group.leaks for group in together):
        said.append(f"{leaks:,} on both sides of the split {split}, which makes the result look too good")
    return "; ".join(said)
