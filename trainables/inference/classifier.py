"""A finished model file: loaded safely, and asked what it says of pictures."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data_prep.errors import InputError, in_one_line
from data_prep.pictures.ahead import done_ahead
from trainables.features.images import OnProgress, Pixels, decode
from trainables.inference.face_detection import PICTURE_PX, FaceFinder
from trainables.inference.pictures import Box, read_picture, resized
from trainables.process_setup import available_cores, fix_keras_settings, take_gpu_memory_as_needed

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 32
AHEAD = 4  # photographs a thread may be ahead of the network; they are what memory is needed for
NO_FACE = "no face was found"

Photo = str | Path | bytes


@dataclass(frozen=True, eq=False)
class View:
    """A part of a photograph that a network is shown: pixels `(px, px, 3)`, and its box unless it is all."""

    pixels: Pixels
    box: Box | None = None


Look = Callable[[Photo, int], Sequence[View]]
"""What to show of a photograph to a network that reads so many pixels a side; raises InputError."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The answer of a model to a view of a photograph, `photo` being the photograph's number from 0.

    `probability` is that of label 1 of two classes, and that of the likeliest of more, whose `distribution`
    has those of all; None where `problem` says in a sentence why there is nothing to say. `failed` tells a
    photograph that could not be read from one in which no face was found.
    """

    photo: int
    probability: float | None = None
    distribution: tuple[float, ...] = ()
    box: Box | None = None
    problem: str = ""
    failed: bool = False

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The probability of every class in the order of the labels, none where there is a problem."""
        if self.distribution or self.probability is None:
            return self.distribution
        return (1 - self.probability, self.probability)


_Seen = tuple[Prediction, Pixels | None]  # with no probability yet, and what the network is to be shown


@dataclass(frozen=True, eq=False)
class Classifier:
    """A Keras model from RGB pixels in 0..255, `(n, px, px, 3)`, to probabilities.

    They are of label 1, `(n, 1)`, for two classes, and of every label, `(n, classes)`, from three.
    """

    network: keras.Model
    input_px: int

    @classmethod
    def load(cls, path: Path, keras_backend: str | None = None) -> Classifier:
        """Returns the model in the file at `path`, in Keras' safe mode: it runs no code of the file.

        In a process that has not imported Keras, it runs on `keras_backend`; by default on what
        KERAS_BACKEND names, else on TensorFlow, else on what is installed.
        Raises InputError where there is no such file, where plain Keras cannot load it, and where its
        input or output is another.
        """
        if not path.is_file():
            raise InputError(f"there is no model file {path}; give a .keras file or a study that has one")
        keras = _imported_keras(keras_backend)
        try:
            network = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # zipfile, h5py, json and Keras each raise their own
            problem = in_one_line(error).partition(". ")[0]  # Keras goes on for a paragraph
            raise InputError(
                f"{path} cannot be loaded by Keras {keras.__version__} in safe mode ({problem}); "
                "give a .keras file of this version or older that needs no code of its own"
            ) from error
        return cls(network, _input_px(network, path))

    @property
    def classes(self) -> int:
        """The number of classes that the model tells apart."""
        outputs = int(self.network.output_shape[1])
        return 2 if outputs == 1 else outputs

    def probabilities(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Returns the probability of label 1 `(n,)`, or of every label `(n, classes)`, for `(n, px, px, 3)`.

        Raises InputError where the model gives anything else than probabilities.
        """
        found = np.asarray(self.network.predict_on_batch(pixels.astype(np.float32)), dtype=np.float32)
        if not ((found >= 0) & (found <= 1)).all():  # NaN fails as well
            worst = found[~((found >= 0) & (found <= 1))][0]
            raise InputError(
                f"the model must give probabilities in [0, 1], it gave {worst}; train the model again"
            )
        return found[:, 0] if self.classes == 2 else found


def show_whole(photo: Photo, px: int) -> Sequence[View]:
    """Returns the whole photograph as the one view."""
    return [View(decode(photo, px))]


def show_accepted(photo: Photo, px: int) -> Sequence[View]:
    """Returns the whole photograph, which a build has accepted, as the one view."""
    return [View(decode(photo, px, is_accepted=True))]


def show_faces() -> Look:
    """Returns a function that shows each face of a photograph, the largest first; raises as FaceFinder."""
    finder = FaceFinder()

    def show(photo: Photo, px: int) -> Sequence[View]:
        picture = read_picture(photo, PICTURE_PX)
        return [View(resized(picture.cut(box), px, px), box) for box in finder.find(picture)]

    return show


def classify(
    classifier: Classifier,
    photos: Sequence[Photo],
    look: Look = show_whole,
    on_progress: OnProgress = lambda done, total: None,
) -> Iterator[Prediction]:
    """Yields what the model says of each view of each photograph, in order.

    A photograph that cannot be read has one prediction with a problem, and the others go on. Photographs
    are decoded by one thread a core, AHEAD of them each; views are classified in batches of BATCH_SIZE.
    `on_progress` is called with the number of photographs done, and of all, after every batch.
    """
    waiting: list[_Seen] = []
    size = min(BATCH_SIZE, len(photos))  # a few photographs are not padded to a whole batch
    for number, seen in enumerate(_looked_at(photos, look, classifier.input_px)):
        for item in seen:
            waiting.append(item)
            if sum(pixels is not None for _, pixels in waiting) == size:
                # views without a face take no place in a batch
                yield from _classified(classifier, waiting, size)
                waiting.clear()
                on_progress(number + 1, len(photos))
    yield from _classified(classifier, waiting, size)
    on_progress(len(photos), len(photos))


def _looked_at(photos: Sequence[Photo], look: Look, px: int) -> Iterator[Sequence[_Seen]]:
    workers = available_cores()
    tasks = ((number, photo, look, px) for number, photo in enumerate(photos))
    return done_ahead(_look_at, tasks, workers * AHEAD, workers)


def _look_at(number: int, photo: Photo, look: Look, px: int) -> Sequence[_Seen]:
    try:
        views = look(photo, px)
    except InputError as error:
        return [(Prediction(photo=number, problem=str(error), failed=True), None)]
    if not views:
        return [(Prediction(photo=number, problem=NO_FACE), None)]
    return [(Prediction(photo=number, box=view.box), view.pixels) for view in views]


def _classified(classifier: Classifier, seen: Sequence[_Seen], size: int) -> Iterator[Prediction]:
    views = [pixels for _, pixels in seen if pixels is not None]
    found: Iterator[Any] = iter(())
    if views:
        padding = [np.zeros_like(views[0])] * (size - len(views))  # one shape, so one compilation
        found = iter(classifier.probabilities(np.stack([*views, *padding])).tolist())
    for prediction, pixels in seen:
        yield prediction if pixels is None else _with_answer(prediction, next(found))


def _with_answer(prediction: Prediction, found: float | list[float]) -> Prediction:
    if isinstance(found, float):
        return replace(prediction, probability=found)
    return replace(prediction, probability=max(found), distribution=tuple(found))


def _imported_keras(backend: str | None) -> Any:
    is_ours = "keras" not in sys.modules
    if is_ours:  # it takes its backend once, as it is imported
        installed = "tensorflow" if importlib.util.find_spec("tensorflow") else "jax"
        os.environ["KERAS_BACKEND"] = backend or os.environ.get("KERAS_BACKEND") or installed
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        take_gpu_memory_as_needed()  # a dashboard that was asked once would hold the card for good
    with _quiet():
        import keras
    if is_ours:  # else it is another's process, and a loaded model brings its own settings along
        fix_keras_settings()
    return keras


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what libraries write to standard error from C++ off the screen, unless something goes wrong."""
    # by the file descriptor: C++ does not write through sys.stderr
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(screen, kept.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _input_px(network: keras.Model, path: Path) -> int:
    takes, gives = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if not (
        isinstance(takes, tuple)
        and isinstance(gives, tuple)
        and (len(takes), takes[3:], len(gives)) == (4, (3,), 2)
        and isinstance(gives[1], int)
        and gives[1] != 2  # of two classes ours give one probability
        and isinstance(takes[1], int)
        and takes[1] == takes[2]
    ):
        raise InputError(
            "a model must read square RGB pixels (batch, px, px, 3) and give one probability (batch, 1), or "
            f"those of three or more classes (batch, classes), {path} reads {takes} and gives {gives}; give "
            "a model that this project wrote"
        )
    return takes[1]
