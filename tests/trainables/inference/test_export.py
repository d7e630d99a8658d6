"""Every export computes what the Keras model does, or nothing is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from data_prep.datasets.drawn_sample import draw_faces
from data_prep.errors import InputError
from tests.trainables.models import TINY_PX, write_convolution_model
from trainables.inference.export import EXPORT_TOLERANCE, Exported, export_model
from trainables.inference.runtimes import EXPORT_FORMATS, find_format, run_exported

pytestmark = pytest.mark.training

FACES = [face.jpeg for face in draw_faces(4)]
SAVED_MODEL = EXPORT_FORMATS[0]

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the converters are TensorFlow's"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_convolution_model(tmp_path_factory.mktemp("model") / "model.keras")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@on_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", [form.name for form in EXPORT_FORMATS])
def test_export_gives_what_keras_gives(model: Path, tmp_path: Path, name: str) -> None:
    try:
        form = find_format(name)
    except InputError as error:
        pytest.skip(str(error))
    exported = export_model(model, form, tmp_path / form.file_name, FACES)
    assert _names(tmp_path) == [form.file_name]
    assert exported.difference <= EXPORT_TOLERANCE
    assert exported.is_telling
    assert (exported.pictures, exported.input_px) == (7, TINY_PX)
    pixels = np.random.default_rng(5).integers(0, 256, (5, TINY_PX, TINY_PX, 3), dtype=np.uint8)
    expected = keras.saving.load_model(model).predict(pixels.astype(np.float32), verbose=0)[:, 0]
    assert run_exported(exported.path, form, pixels) == pytest.approx(expected, abs=EXPORT_TOLERANCE)


@on_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", [form.name for form in EXPORT_FORMATS])
def test_export_of_classes_gives_what_keras_gives(tmp_path: Path, name: str) -> None:
    try:
        form = find_format(name)
    except InputError as error:
        pytest.skip(str(error))
    model = write_convolution_model(tmp_path / "model.keras", classes=5)
    exported = export_model(model, form, tmp_path / form.file_name, FACES)
    assert exported.outputs == 5
    pixels = np.random.default_rng(5).integers(0, 256, (3, TINY_PX, TINY_PX, 3), dtype=np.uint8)
    expected = keras.saving.load_model(model).predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(run_exported(exported.path, form, pixels), expected, atol=EXPORT_TOLERANCE)


@on_tensorflow
def test_export_that_deviates_is_an_error_and_leaves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = keras.saving.load_model(model)
    network.layers[-1].bias.assign(network.layers[-1].bias + 0.01)  # what a wrong converter might do
    monkeypatch.setattr(
        "trainables.inference.export._convert",
        lambda classifier, form, part: network.export(part, verbose=False),
    )
    told = r"within 0.0001 of Keras', those of saved_model differ by up to 0\.0.*was removed"
    with pytest.raises(InputError, match=told):
        export_model(model, SAVED_MODEL, tmp_path / "saved_model", FACES)
    assert _names(tmp_path) == []


@on_tensorflow
def test_export_replaces_an_earlier_one(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "saved_model"
    for _ in range(2):
        export_model(model, SAVED_MODEL, out, FACES)
    assert _names(tmp_path) == ["saved_model"]


@on_tensorflow
def test_export_into_a_folder_with_other_things_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"is a folder with other files; choose another --out"):
        export_model(model, SAVED_MODEL, tmp_path, FACES)
    assert _names(tmp_path) == ["notes.txt"]


@on_tensorflow
def test_export_of_an_unknown_kind_says_why(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be exported as saved_model \(Unrecognized format=nothing"):
        export_model(model, replace(SAVED_MODEL, keras_name="nothing"), tmp_path / "a", FACES)
    assert _names(tmp_path) == []


@pytest.mark.parametrize(("highest", "telling"), [(0.9, True), (0.5001, False)])
def test_exported_is_telling_where_the_model_tells_the_pictures_apart(highest: float, telling: bool) -> None:
    exported = Exported(path=Path("a"), input_px=4, pictures=3, difference=0.0, lowest=0.5, highest=highest)
    assert exported.is_telling is telling
