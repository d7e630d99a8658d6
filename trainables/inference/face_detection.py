"""Detection of faces in photographs, with the frontal-face cascade that OpenCV's package brings along."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.errors import InputError
from trainables.inference.pictures import Box, Picture

CASCADE = "haarcascade_frontalface_alt2.xml"  # Viola & Jones 2001, in the version of Lienhart et al. 2003
PICTURE_PX = 1600  # the longer side of a photograph of which faces are cut
SEARCHED_PX = 800  # the longer side of what is searched for them
BORDER = 0.5  # of the longer side, drawn on by its edge: a face that fills its photograph is found too
SMALLEST_SHARE = 0.03  # of the longer side; smaller faces are not looked for
FACE_MARGIN = 0.3  # of the found square, added on each side: the data sets' crops show hair and chin

_BORDER_PX = round(SEARCHED_PX * BORDER)
_INSTALL = "pip install 'opencv-python-headless>=4.14,<5'"


class _Square(NamedTuple):
    left: float
    top: float
    side: float


class FaceFinder:
    """OpenCV's detector, which several threads may share.

    Raises InputError where OpenCV is not installed or brings no cascade (OpenCV 5 does not).
    """

    def __init__(self) -> None:
        self._cv2 = _opencv()
        self._cascade = _cascade(self._cv2)
        self._one_at_a_time = threading.Lock()  # a cascade keeps state while it searches

    def find(self, picture: Picture) -> list[Box]:
        """Returns a square with a margin for every face, the largest first; empty where there is none.

        The squares lie inside the picture. Faces turned away by more than about 30 degrees, or smaller than
        SMALLEST_SHARE of the longer side, are not found.
        """
        grey = self._searched(picture)
        smallest = round(SEARCHED_PX * SMALLEST_SHARE)
        with self._one_at_a_time:
            found = self._cascade.detectMultiScale(
                grey, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest)
            )
        scale = max(picture.width, picture.height) / SEARCHED_PX
        squares = [
            _Square((left - _BORDER_PX) * scale, (top - _BORDER_PX) * scale, side * scale)
            for left, top, side, _ in np.asarray(found).reshape(-1, 4).tolist()
        ]
        return [_with_margin(square, picture) for square in sorted(squares, key=_largest_first)]

    def _searched(self, picture: Picture) -> Any:
        grey = self._cv2.cvtColor(picture.pixels, self._cv2.COLOR_RGB2GRAY)
        height, width = (max(1, round(side * SEARCHED_PX / max(grey.shape))) for side in grey.shape)
        # by area, as other filters of OpenCV skip pixels where they shrink
        small = self._cv2.resize(grey, (width, height), interpolation=self._cv2.INTER_AREA)
        return self._cv2.copyMakeBorder(small, *[_BORDER_PX] * 4, self._cv2.BORDER_REPLICATE)


def _largest_first(square: _Square) -> tuple[float, float, float]:
    return -square.side, square.left, square.top


def _with_margin(square: _Square, picture: Picture) -> Box:
    size = max(1, min(round(square.side * (1 + 2 * FACE_MARGIN)), picture.width, picture.height))
    left, top = (start + (square.side - size) / 2 for start in (square.left, square.top))
    return Box(
        left=min(max(0, round(left)), picture.width - size),
        top=min(max(0, round(top)), picture.height - size),
        width=size,
        height=size,
    )


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            f"finding faces needs OpenCV, which is not installed; {_INSTALL}, or use --faces as-is"
        ) from error
    return cv2


def _cascade(cv2: Any) -> Any:
    path = Path(cv2.data.haarcascades) / CASCADE
    if not path.is_file() or not hasattr(cv2, "CascadeClassifier"):
        raise InputError(
            f"OpenCV {cv2.__version__} is installed without the face detector {CASCADE}; {_INSTALL}, "
            "or use --faces as-is"
        )
    return cv2.CascadeClassifier(str(path))
