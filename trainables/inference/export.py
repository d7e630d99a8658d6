"""Exports of a finished model to other runtimes, each checked there against Keras on the same pictures."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.errors import InputError, in_one_line
from trainables.features.images import Pixels, decode
from trainables.inference.classifier import Classifier
from trainables.inference.runtimes import Format, Probabilities, run_exported

# of a probability: runtimes fold BatchNorm into kernels and sum float32 in another order
EXPORT_TOLERANCE = 1e-4
TELLING = 10 * EXPORT_TOLERANCE  # probabilities that lie closer together would hide a wrong export


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A written export: `path` is a file or a folder, the others are of its probabilities on the pictures.

    `difference` is the largest from Keras', at most EXPORT_TOLERANCE; `lowest` and `highest` are Keras' own.
    `outputs` is the number of probabilities that it gives for a picture, 1 for two classes.
    """

    path: Path
    input_px: int
    outputs: int = 1
    pictures: int
    difference: float
    lowest: float
    highest: float

    @property
    def is_telling(self) -> bool:
        """Whether the model told the pictures apart, so that a wrong export would have been seen."""
        return self.highest - self.lowest > TELLING


def export_model(model: Path, form: Format, out: Path, pictures: Sequence[str | Path | bytes]) -> Exported:
    """Writes the Keras file `model` as `form` to `out`, once it gives there what it gives in Keras.

    `pictures` are image files or their bytes, read as at prediction; black, white and noise are added. All
    are given at once and the first by itself, so that batches of both sizes are known to work. An earlier
    export at `out` is replaced; after an error nothing of the new one is left. Keras runs on TensorFlow,
    whose converters these are.
    Raises InputError where the model cannot be loaded or exported, where a probability differs by more
    than EXPORT_TOLERANCE, and where `out` cannot be written.
    """
    _require_place_of_a_file(out, form)  # first: loading a model takes seconds
    classifier = Classifier.load(model, keras_backend="tensorflow")
    _require_tensorflow()
    pixels = _shown(pictures, classifier.input_px)
    expected = classifier.probabilities(pixels)
    _require_replaceable(out)
    # beside `out`, as a rename stays on one disk
    with tempfile.TemporaryDirectory(dir=_folder(out), prefix=f".{out.name}.") as folder:
        part = Path(folder) / form.file_name
        _convert(classifier, form, part)
        difference = _largest_difference(part, form, pixels, expected)
        _require_close(difference, form)
        _put(part, out)
    return Exported(
        path=out,
        input_px=classifier.input_px,
        outputs=1 if classifier.classes == 2 else classifier.classes,
        pictures=len(pixels),
        difference=difference,
        lowest=float(expected.min()),
        highest=float(expected.max()),
    )


def _shown(pictures: Sequence[str | Path | bytes], px: int) -> Pixels:
    noise = np.random.default_rng(0).integers(0, 256, (px, px, 3), dtype=np.uint8)
    plain = [np.full((px, px, 3), shade, dtype=np.uint8) for shade in (0, 255)]
    return np.stack([*(decode(picture, px) for picture in pictures), *plain, noise])


def _convert(classifier: Classifier, form: Format, part: Path) -> None:
    try:
        with _without_chatter():
            classifier.network.export(str(part), format=form.keras_name, verbose=False)
    except Exception as error:  # Keras and each converter raise their own
        raise InputError(
            f"the model cannot be exported as {form.name} ({in_one_line(error)}); choose another --format"
        ) from error


def _largest_difference(part: Path, form: Format, pixels: Pixels, expected: Probabilities) -> float:
    try:
        with _without_chatter():
            together, alone = (run_exported(part, form, batch) for batch in (pixels, pixels[:1]))
    except Exception as error:  # each runtime raises its own
        raise InputError(
            f"the {form.name} export cannot be run ({in_one_line(error)}); it was removed; "
            "choose another --format"
        ) from error
    found = np.concatenate([together - expected, alone - expected[:1]])
    return float(np.abs(found).max())  # NaN stays NaN


def _require_close(difference: float, form: Format) -> None:
    if not difference <= EXPORT_TOLERANCE:  # NaN fails as well
        raise InputError(
            f"the probabilities of an export must be within {EXPORT_TOLERANCE:g} of Keras', those of "
            f"{form.name} differ by up to {difference:.2g}; it was removed; choose another --format"
        )


def _require_tensorflow() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"exports need Keras on TensorFlow, this process runs Keras on {keras.backend.backend()}; "
            "use python -m search.export"
        )


def _require_place_of_a_file(out: Path, form: Format) -> None:
    if out.is_dir() and Path(form.file_name).suffix:
        raise InputError(f"{form.name} is one file, {out} is a folder; choose a file in it with --out")


def _require_replaceable(out: Path) -> None:
    # a folder with this file is an earlier export; any other with files is somebody's
    if out.is_dir() and any(out.iterdir()) and not (out / "saved_model.pb").is_file():
        raise InputError(
            f"an export replaces only an earlier one, {out} is a folder with other files; "
            "choose another --out"
        )


def _folder(out: Path) -> Path:
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}); choose another --out") from error
    return out.absolute().parent


def _put(part: Path, out: Path) -> None:
    if out.is_dir():
        # into the temporary folder, which goes: nothing can be renamed over a folder that has files
        out.replace(part.with_name("earlier"))
    elif part.is_dir():
        out.unlink(missing_ok=True)  # a folder cannot be renamed over a file
    part.replace(out)


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Keeps what converters say of themselves off standard output, and their warnings off the screen."""
    logging_level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging_level)
