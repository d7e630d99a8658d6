"""What gives a class away beside what is in the picture: one camera, one size, one kind of file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from data_prep.audit.finding import Finding, Pictures
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

LEAST_PICTURES = 10
FIRM_SHARE = 0.9  # of the pictures with one trait that are of one class
RARE = 1e-6  # chance that a trait without meaning would be so uneven
_SHOWN = 8


def giveaways(manifest: Manifest, looks: Sequence[Look]) -> Finding:
    """Returns the finding on traits whose pictures are nearly all of one class."""
    labels = manifest.table["label"].to_numpy()
    found = [
        _told(manifest, rows, f"{trait} {value}")
        for trait, values in _traits(manifest, looks)
        for value, rows in _values(values)
        if _is_uneven(labels[rows], labels)
    ]
    return Finding(
        kind="giveaways",
        title="traits that give a class away",
        sentence=_sentence(found),
        warns=bool(found),
        counts={"traits": len(found)},
        groups=tuple(found),
    )


def _traits(manifest: Manifest, looks: Sequence[Look]) -> Iterator[tuple[str, pd.Series]]:
    """Yields each trait with its value in every row, NA where it has none."""
    table = manifest.table
    yield "camera", pd.Series([look.camera or None for look in looks], dtype="string")
    yield "size", (table["width"].astype("string") + " x " + table["height"].astype("string"))
    yield "colours", table["mode"]
    yield "suffix", table["path"].str.extract(r"(\.\w+)$")[0].str.lower()


def _values(values: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    counts = values.value_counts()
    for value in counts[counts >= LEAST_PICTURES].index:
        yield str(value), np.flatnonzero((values == value).to_numpy(dtype=bool, na_value=False))


def _is_uneven(labels: np.ndarray, everywhere: np.ndarray) -> bool:
    from scipy.stats import hypergeom

    label, count = np.unique(labels, return_counts=True)
    most = int(count.argmax())
    if count[most] < FIRM_SHARE * labels.size:
        return False
    of_class = int((everywhere == label[most]).sum())
    # the chance to draw so many of the class, or more, which is what `sf` gives of one less
    return bool(hypergeom.sf(count[most] - 1, everywhere.size, of_class, labels.size) < RARE)


def _told(manifest: Manifest, rows: np.ndarray, trait: str) -> Pictures:
    counts = manifest.table["label"].iloc[rows].value_counts()
    label, count = int(counts.index[0]), int(counts.iloc[0])
    everywhere = manifest.class_counts()[label] / len(manifest)
    says = (
        f"{trait}: {count:,} of {rows.size:,} are {manifest.class_names[label]!r}, "
        f"which {everywhere:.0%} of all pictures are"
    )
    return Pictures(tuple(rows[:_SHOWN].tolist()), says)


def _sentence(found: Sequence[Pictures]) -> str:
    if not found:
        return "none among cameras, sizes, colours and suffixes"
    more = f", and {len(found) - 3:,} more" if len(found) > 3 else ""
    return "; ".join(group.says for group in found[:3]) + more + ": a network may learn that instead"
