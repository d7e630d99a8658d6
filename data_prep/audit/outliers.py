"""Pictures unlike the others: too small, too long, all but black or white, blurred."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data_prep.audit.finding import Finding, Pictures
from data_prep.manifest import Manifest
from data_prep.pictures.look import Look

SMALL_PX, LONG_SHAPE = 64, 3.0
DARK, BRIGHT = 25.0, 235.0  # grey levels of 255, on average
UNLIKE = 5.0  # robust standard deviations
_NORMAL = 1.4826  # standard deviation of a normal distribution, in median absolute deviations
_LEAST_SPREAD = 0.05  # of the decimal logarithm of sharpness: pictures of one kind differ that much
_LEAST_SHARPNESS = 0.01

Values = npt.NDArray[np.float64]


def sizes(manifest: Manifest) -> Finding:
    """Returns the finding on the sides of the pictures, as decoded and upright."""
    sides = manifest.table[["width", "height"]].to_numpy(dtype=float, na_value=np.nan)
    if not len(sides) or np.isnan(sides).any():
        return Finding(kind="sizes", title="sizes", sentence="unknown: built by an earlier version")
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    small, long = shorter < SMALL_PX, longer > LONG_SHAPE * shorter
    rows = np.flatnonzero(small | long)
    return Finding(
        kind="sizes",
        title="sizes",
        sentence=_sides_in_words(shorter, int(small.sum()), int(long.sum())),
        counts={"small": int(small.sum()), "long": int(long.sum())},
        groups=tuple(
            Pictures((int(row),), "{:.0f} x {:.0f}".format(*sides[row]))
            for row in rows[np.argsort(shorter[rows], kind="stable")]
        ),
    )


def brightness(looks: Sequence[Look]) -> Finding:
    """Returns the finding on pictures that are all but black or white."""
    values = np.array([look.brightness for look in looks])
    rows = np.flatnonzero((values < DARK) | (values > BRIGHT))
    return _outliers("brightness", rows, values, f"darker than {DARK:g} or lighter than {BRIGHT:g} of 255")


def sharpness(looks: Sequence[Look]) -> Finding:
    """Returns the finding on pictures that are far less sharp than the others."""
    values = np.maximum([look.sharpness for look in looks], _LEAST_SHARPNESS)  # 0 has no logarithm
    logarithms = np.log10(values)  # pictures differ in sharpness by factors, not by amounts
    middle = np.median(logarithms)
    spread = max(_NORMAL * float(np.median(np.abs(logarithms - middle))), _LEAST_SPREAD)
    rows = np.flatnonzero(logarithms < middle - UNLIKE * spread)
    return _outliers("sharpness", rows, values, "far below the others")


def _sides_in_words(shorter: Values, small: int, long: int) -> str:
    said = [
        f"shorter sides of {shorter.min():.0f} to {shorter.max():.0f} pixels, median {np.median(shorter):.0f}"
    ]
    if small:
        said.append(f"{small:,} below {SMALL_PX}")
    if long:
        said.append(
            f"{long:,} with a side {LONG_SHAPE:g} times as long as the other, which a square distorts"
        )
    return "; ".join(said)


def _outliers(kind: str, rows: npt.NDArray[np.intp], values: Values, words: str) -> Finding:
    ordered = rows[np.argsort(-np.abs(values[rows] - np.median(values)), kind="stable")]
    return Finding(
        kind=kind,
        title=kind,
        sentence=f"{rows.size:,} {words}" if rows.size else "no picture is unlike the others",
        counts={"pictures": rows.size},
        groups=tuple(Pictures((int(row),), f"{kind} {values[row]:.1f}") for row in ordered),
    )
