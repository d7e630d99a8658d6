"""Groups of rows that belong together for several reasons at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


def connected(*groupings: npt.NDArray[np.integer]) -> Codes:
    """Returns a number `(n,)` for every row; rows have the same where a chain of groups connects them.

    Each grouping has a number for every row, -1 for a row that is in none of its groups.
    """
    from scipy.sparse import coo_array  # slow: completion does without
    from scipy.sparse.csgraph import connected_components

    rows = groupings[0].size
    first, second, nodes = [], [], rows
    for codes in groupings:
        inside = np.flatnonzero(codes >= 0)
        first.append(inside)
        # a group is a node, too: a link for each of its rows, not for each pair of them
        second.append(nodes + codes[inside].astype(np.int64))
        nodes += int(codes.max(initial=-1)) + 1
    links = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(links[0].size, dtype=bool), links), (nodes, nodes))
    numbers: Codes = connected_components(graph, directed=False)[1][:rows].astype(np.int64)
    return numbers
