"""A model file is loaded safely; photographs are classified in order, whatever is wrong with some."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from data_prep.errors import InputError
from tests.pictures import almost_even
from tests.trainables.models import TINY_PX, save, write_brightness_model, write_convolution_model
from trainables.inference.classifier import (
    BATCH_SIZE,
    NO_FACE,
    Classifier,
    Photo,
    Prediction,
    View,
    classify,
    show_faces,
    show_whole,
)
from trainables.inference.pictures import Box

pytestmark = pytest.mark.training

BLACK, WHITE = 1 / (1 + np.exp(4)), 1 / (1 + np.exp(-4))  # what the model of brightness gives


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_brightness_model(tmp_path_factory.mktemp("model") / "model.keras"))


def _shades(folder: Path, shades: Sequence[int]) -> list[Photo]:
    paths = [folder / f"{number}.png" for number in range(len(shades))]
    for path, shade in zip(paths, shades, strict=True):
        almost_even((32, 32), (shade, shade, shade)).save(path)
    return list(paths)


def test_load_gives_the_side_of_the_input(classifier: Classifier) -> None:
    assert classifier.input_px == TINY_PX


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model file .*gone\.keras; give a \.keras file"):
        Classifier.load(tmp_path / "gone.keras")


def test_load_refuses_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.keras").write_text("no model")
    with pytest.raises(InputError, match=r"a\.keras cannot be loaded by Keras .* in safe mode"):
        Classifier.load(tmp_path / "a.keras")


ASKS = """
import os, sys
from pathlib import Path
from data_prep.errors import InputError
from trainables.inference.classifier import Classifier
try:
    Classifier.load(Path(sys.argv[1]))
except InputError:
    print(os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"], os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
"""


def test_load_leaves_the_memory_of_a_gpu_to_others(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("no model")
    command = [sys.executable, "-c", ASKS, str(tmp_path / "model.keras")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "false true\n"


def test_load_runs_no_code_of_the_file(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Lambda(lambda x: x[:, :1])])
    save(network, tmp_path / "a.keras")
    with pytest.raises(InputError, match=r"a\.keras cannot be loaded .*safe mode"):
        Classifier.load(tmp_path / "a.keras")


@pytest.mark.parametrize(
    ("reads", "gives"), [((8, 6, 3), 1), ((8, 8, 1), 1), ((8, 8, 3), 2), ((192,), 1), ((None, None, 3), 1)]
)
def test_load_refuses_another_input_or_output(
    tmp_path: Path, reads: tuple[int | None, ...], gives: int
) -> None:
    pool = layers.GlobalAveragePooling2D() if len(reads) == 3 else layers.Flatten()
    save(keras.Sequential([keras.Input(reads), pool, layers.Dense(gives)]), tmp_path / "a.keras")
    with pytest.raises(InputError, match=r"must read square RGB .*a\.keras reads \(None, .* gives \(None"):
        Classifier.load(tmp_path / "a.keras")


def test_probabilities_refuses_what_is_no_probability(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(1)])
    network.layers[-1].set_weights([np.full((48, 1), np.nan), np.zeros(1)])
    save(network, tmp_path / "a.keras")
    with pytest.raises(InputError, match=r"must give probabilities in \[0, 1\], it gave nan"):
        Classifier.load(tmp_path / "a.keras").probabilities(np.zeros((1, 4, 4, 3), dtype=np.uint8))


@pytest.mark.parametrize("count", [1, 10, BATCH_SIZE, BATCH_SIZE + 1, 3 * BATCH_SIZE + 5])
def test_classify_gives_every_photograph_in_order(classifier: Classifier, tmp_path: Path, count: int) -> None:
    shades = [number * 255 // count for number in range(count)]
    found = list(classify(classifier, _shades(tmp_path, shades)))
    assert [prediction.photo for prediction in found] == list(range(count))
    expected = 1 / (1 + np.exp(4 - 8 * np.array(shades) / 255))
    assert [prediction.probability for prediction in found] == pytest.approx(expected.tolist(), abs=1e-5)


def test_classify_gives_the_probability_of_every_class(tmp_path: Path) -> None:
    classifier = Classifier.load(write_convolution_model(tmp_path / "model.keras", classes=3))
    assert classifier.classes == 3
    (found,) = classify(classifier, _shades(tmp_path, [100]))
    assert sum(found.probabilities) == pytest.approx(1, abs=1e-5)
    assert (len(found.probabilities), found.probability) == (3, max(found.probabilities))


def test_classify_goes_on_after_bad_photographs(classifier: Classifier, tmp_path: Path) -> None:
    photos = _shades(tmp_path, [0, 255])
    (tmp_path / "text.jpg").write_text("no image")
    first, missing, text, last = classify(
        classifier, [photos[0], tmp_path / "gone.jpg", tmp_path / "text.jpg", photos[1]]
    )
    assert (first.probability, last.probability) == (pytest.approx(BLACK), pytest.approx(WHITE))
    assert (missing.probability, missing.failed, text.failed) == (None, True, True)
    assert "gone.jpg cannot be read (No such file" in missing.problem
    assert "text.jpg is not an image" in text.problem


def test_classify_gives_several_views_of_a_photograph(classifier: Classifier) -> None:
    box = Box(1, 2, 3, 3)

    def show(photo: Photo, px: int) -> Sequence[View]:
        return [View(np.full((px, px, 3), shade, dtype=np.uint8), box) for shade in photo]  # type: ignore[union-attr]

    found = list(classify(classifier, [b"\x00\xff", b"", b"\xff"], show))
    assert [(item.photo, item.box, item.problem) for item in found] == [
        (0, box, ""),
        (0, box, ""),
        (1, None, NO_FACE),
        (2, box, ""),
    ]
    assert [item.probability for item in found] == [
        pytest.approx(BLACK),
        pytest.approx(WHITE),
        None,
        pytest.approx(WHITE),
    ]
    assert not any(item.failed for item in found)


def test_classify_tells_its_progress(classifier: Classifier, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    count = 2 * BATCH_SIZE + 1
    list(classify(classifier, _shades(tmp_path, [0] * count), on_progress=lambda *now: told.append(now)))
    assert told == [(BATCH_SIZE, count), (2 * BATCH_SIZE, count), (count, count)]


def test_classify_decodes_only_a_little_ahead(classifier: Classifier) -> None:
    decoded = 0

    def show(photo: Photo, px: int) -> Sequence[View]:
        nonlocal decoded
        decoded += 1
        return [View(np.zeros((px, px, 3), dtype=np.uint8))]

    predictions = classify(classifier, [b""] * 2000, show)
    next(predictions)
    assert decoded < 1000
    predictions.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_classify_nothing(classifier: Classifier) -> None:
    assert list(classify(classifier, [])) == []


def test_show_whole_gives_the_whole_photograph(tmp_path: Path) -> None:
    (view,) = show_whole(_shades(tmp_path, [77])[0], 6)
    assert view.box is None
    assert view.pixels.shape == (6, 6, 3)
    assert (view.pixels == 77).all()


def test_show_faces_says_where_there_is_none(classifier: Classifier, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV is an extra (pip install '.[faces]')")
    (found,) = classify(classifier, _shades(tmp_path, [77]), show_faces())
    assert found == Prediction(photo=0, problem=NO_FACE)
