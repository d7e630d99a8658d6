"""Cuts of rows into parts, stratified by label, with every group in one part."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# scikit-learn walks through the groups one by one, 0.1 ms each
MANY_GROUPS = 20_000


def cuts(labels: Rows, groups: Rows | None, count: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yields for each of `count` parts the places of `labels` that lie outside it, and those in it.

    Both are ascending. `groups` has a number for every place, None where each is a group of its own. Up to
    `MANY_GROUPS` groups are scikit-learn's StratifiedGroupKFold; more are dealt out by class and size.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # slow: completion does without

    if groups is not None and np.unique(groups).size > MANY_GROUPS:
        part = parts_of_many(labels, groups, count, seed)
        for number in range(count):
            yield np.flatnonzero(part != number), np.flatnonzero(part == number)
        return
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    # scikit-learn looks at X for its length alone
    yield from splitter(count, shuffle=True, random_state=seed).split(labels, labels, groups)


def cut_of_share(labels: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Returns the places of `labels` that lie outside a `share` of each class, and those in it, ascending.

    They are those of scikit-learn's train_test_split, place by place, whose import takes half of the time of
    a search that has nothing to train. Every class must have two places, and one in each of the parts.
    """
    _, counts = np.unique(labels, return_counts=True)
    own = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    rng = np.random.RandomState(seed)  # whose numbers stay what they are in every version of numpy
    inside = math.ceil(share * labels.size)
    outside_of = _shared_out(counts, labels.size - inside, rng)
    _shared_out(counts - outside_of, inside, rng)  # the rest; there it draws
    ends = zip(own, outside_of, strict=True)
    cut = [np.split(places[rng.permutation(places.size)], [end]) for places, end in ends]
    outside, within = (np.sort(np.concatenate(part)) for part in zip(*cut, strict=True))
    return outside, within


def _shared_out(counts: Rows, total: int, rng: np.random.RandomState) -> Rows:
    """Returns how many of `total` come from each class: its share, rounded by the largest remainders."""
    exact = counts / counts.sum() * total
    shares = np.floor(exact)
    remainders, missing = exact - shares, int(total - shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if missing:
            equal = np.flatnonzero(remainders == remainder)
            chosen = rng.choice(equal, min(equal.size, missing), replace=False)  # drawn where several are
            shares[chosen] += 1
            missing -= chosen.size
    found: Rows = shares.astype(np.int64)
    return found


def parts_of_many(labels: Rows, groups: Rows, count: int, seed: int) -> Rows:
    """Returns the part (0 to `count` - 1) of every place; the groups of each class are dealt out evenly."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    class_of = _class_of_groups(labels, group)
    part = np.empty(sizes.size, dtype=np.int64)
    rng = np.random.default_rng(seed)
    for label in np.unique(class_of):
        own = rng.permutation(np.flatnonzero(class_of == label))
        part[own] = _dealt(sizes[own], count)
    return part[group]


def _class_of_groups(labels: Rows, group: Rows) -> Rows:
    """Returns the most frequent label of each group, the lowest of several."""
    classes = int(labels.max()) + 1
    pairs, counts = np.unique(group * classes + labels, return_counts=True)
    of_group, label = np.divmod(pairs, classes)
    order = np.lexsort((label, -counts, of_group))  # sorted, as a loop over a million groups is slow
    _, first = np.unique(of_group[order], return_index=True)
    found: Rows = label[order][first]
    return found


def _dealt(sizes: Rows, count: int) -> Rows:
    """Returns the part of each group: large ones go where most room is, the others fill what is left."""
    part = np.empty(sizes.size, dtype=np.int64)
    share = sizes.sum() / count
    filled = np.zeros(count)
    is_large = sizes > share / 20  # at most 20 for each part
    for place in sorted(np.flatnonzero(is_large), key=lambda place: -sizes[place]):
        part[place] = np.argmin(filled)
        filled[part[place]] += sizes[place]
    small = sizes[~is_large]
    room = np.maximum(share - filled, 0)
    ends = np.cumsum(room) / max(room.sum(), 1) * small.sum()
    middles = np.cumsum(small) - small / 2  # no loop: of small groups there may be a million
    # rounding may put the last one behind all ends
    part[~is_large] = np.minimum(np.searchsorted(ends, middles), count - 1)
    return part
