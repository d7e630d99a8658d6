"""Finding faces: in a photograph that matplotlib's package brings along."""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from data_prep.errors import InputError
from trainables.inference.face_detection import PICTURE_PX, FaceFinder
from trainables.inference.pictures import Box, Picture, read_picture

PORTRAIT = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # 512 x 600
FACE = (245, 225)  # its nose


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    pytest.importorskip("cv2", reason="OpenCV is an extra (pip install '.[faces]')")
    return FaceFinder()


def _holds(box: Box, x: float, y: float) -> bool:
    return box.left < x < box.left + box.width and box.top < y < box.top + box.height


def test_find_gives_a_square_around_the_face(finder: FaceFinder) -> None:
    (box,) = finder.find(read_picture(PORTRAIT, PICTURE_PX))
    assert _holds(box, *FACE)
    assert box.width == box.height
    assert 250 < box.width < 450


def test_find_gives_several_faces_largest_first(finder: FaceFinder, tmp_path: Path) -> None:
    group, portrait = Image.new("RGB", (1000, 500), "grey"), Image.open(PORTRAIT)
    group.paste(portrait.resize((205, 240)), (50, 100))
    group.paste(portrait.resize((410, 480)), (500, 10))
    group.save(tmp_path / "group.png")
    large, small = finder.find(read_picture(tmp_path / "group.png", PICTURE_PX))
    assert _holds(large, 500 + 0.8 * FACE[0], 10 + 0.8 * FACE[1])
    assert _holds(small, 50 + 0.4 * FACE[0], 100 + 0.4 * FACE[1])


def test_find_gives_squares_inside_the_photograph(finder: FaceFinder, tmp_path: Path) -> None:
    Image.open(PORTRAIT).crop((140, 80, 360, 360)).save(tmp_path / "close.png")  # no margin to be had
    (box,) = finder.find(read_picture(tmp_path / "close.png", PICTURE_PX))
    assert box.left >= 0
    assert box.top >= 0
    assert box.left + box.width <= 220
    assert box.top + box.height <= 280


@pytest.mark.parametrize("shape", [(1600, 1200, 3), (1, 1600, 3)])
def test_find_gives_nothing_where_there_is_no_face(finder: FaceFinder, shape: tuple[int, int, int]) -> None:
    assert finder.find(Picture(np.full(shape, 200, dtype=np.uint8), shape[1], shape[0])) == []


def test_finder_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"needs OpenCV, which is not installed; pip .*--faces as-is"):
        FaceFinder()


def test_finder_with_an_opencv_without_cascades_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(InputError, match=r"OpenCV [\d.]+ is installed without the face detector haarcascade"):
        FaceFinder()
