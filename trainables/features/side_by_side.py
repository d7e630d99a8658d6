"""Features of several backbones side by side: each one's are kept by themselves, and joined here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class SideBySide:
    """Arrays `(n, …)` read as one `(n, d)`, where d is the sum of theirs; only rows asked for are joined."""

    ndim = 2

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._arrays = tuple(arrays)
        self.shape = (len(arrays[0]), sum(array.shape[1] for array in arrays))
        self.dtype = arrays[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        return np.concatenate([array[rows] for array in self._arrays], axis=-1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # NumPy 2 asks for `copy`
        return self[:] if dtype is None else self[:].astype(dtype)


def side_by_side(arrays: Sequence[Array]) -> Array:
    """Returns the arrays as one to read: a single one as it is, several as a SideBySide."""
    if len(arrays) == 1:
        return arrays[0]
    joined: Any = SideBySide(arrays)  # it has of an array what readers of rows use
    return joined  # type: ignore[no-any-return]
