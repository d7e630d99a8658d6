"""Groups of pictures that are alike: by their perceptual hashes, or by the features of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from data_prep.pictures.look import HASH_BITS, MIRRORED, Look

# Of 255 bits. Of 300 photographs of flowers from the web five pairs were one photograph twice, edited: 5 to
# 32 bits apart; the next two, of one scene each, 56 and 69, and strangers 87 and more. Of 400 faces no two
# were below 67. A copy at half the size or in grey is at most 7 away, at JPEG quality 40 at most 11.
NEAR_BITS = 40
NEAR_COSINE = 0.9  # of whitened features; strangers among the same flowers reached 0.79
_HASH_BYTES = (HASH_BITS + 7) // 8
_BLOCK = 1024  # rows whose products with all others are in memory at once

Groups = npt.NDArray[np.int32]
"""A number for every row: that of its group, which counts from 0, or -1 where no other row is in it."""
Vectors = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]


def near_groups(looks: Sequence[Look]) -> Groups:
    """Returns the groups of equal and near-equal pictures; a chain of near-equal ones is one group.

    A picture and its mirror image are near-equal. Pictures of all but even grey are only ever equal.
    """
    pixels = np.unique([look.pixels for look in looks], return_inverse=True)[1]
    hashed = np.flatnonzero([bool(look.shape) for look in looks])
    signs = _signs([look.shape for look in looks if look.shape])
    at_least = 1 - (2 * NEAR_BITS + 1) / HASH_BITS  # between two whole numbers of bits
    near = (hashed[pairs] for other in (signs, signs * MIRRORED) for pairs in _near(signs, other, at_least))
    return _numbered(_joined(near, pixels.astype(np.int64)))


def feature_groups(features: npt.NDArray[np.floating]) -> Groups:
    """Returns the groups of rows of whitened `features` `(n, d)` whose cosine is NEAR_COSINE or more."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    # a row of zeros has no direction, and stays one
    units = (features / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return _numbered(_joined(_near(units, units, NEAR_COSINE), np.arange(len(units))))


def equal_groups(names: Sequence[str]) -> Groups:
    """Returns the groups of rows of one name, such as the digest of a file."""
    return _numbered(np.unique(names, return_inverse=True)[1].astype(np.int64))


def rows_of(groups: Groups) -> list[list[int]]:
    """Returns the rows of each group, in the order of their first rows."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    cut = np.split(order, starts)[1:] if starts.size else []
    return sorted(rows.tolist() for rows in cut)


def _signs(shapes: Sequence[str]) -> Vectors:
    """Returns the hashes `(n, 255)` as unit vectors, whose product says how many of their bits differ."""
    packed = np.frombuffer(bytes.fromhex("".join(shapes)), dtype=np.uint8).reshape(len(shapes), _HASH_BYTES)
    bits = np.unpackbits(packed, axis=1, count=HASH_BITS)  # the 256th only fills the last byte
    signs: Vectors = (2 * bits.astype(np.float32) - 1) / np.float32(np.sqrt(HASH_BITS))
    return signs


def _near(units: Vectors, others: Vectors, at_least: float) -> Iterator[Pairs]:
    """Yields `(2, m)` pairs of rows whose cosine is `at_least` that, a block of rows at a time."""
    for start in range(0, len(units), _BLOCK):
        # each pair once: a is as near to b as b to a, mirrored or not
        cosines = units[start : start + _BLOCK] @ others[start:].T
        yield np.stack(np.nonzero(cosines >= at_least)) + start


def _joined(near: Iterable[Pairs], labels: Pairs) -> Pairs:
    """Returns `labels`, those of rows that `near` connects made one."""
    from scipy.sparse import coo_array  # slow: most that import this module compare no pictures
    from scipy.sparse.csgraph import connected_components

    for pairs in near:  # block by block: only labels are kept, never all pairs
        first, second = labels[pairs]
        links = coo_array((np.ones(first.size, dtype=bool), (first, second)), (len(labels),) * 2)
        labels = connected_components(links, directed=False)[1].astype(np.int64)[labels]
    return labels


def _numbered(labels: Pairs) -> Groups:
    _, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    several = counts > 1
    numbers = np.full(counts.size, -1)
    numbers[np.flatnonzero(several)[np.argsort(first[several])]] = np.arange(several.sum())
    return numbers[inverse].astype(np.int32)
