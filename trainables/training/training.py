"""Training of one configuration on examples that lie in memory or in a memory-mapped file."""

from __future__ import annotations

import functools
import json
import math
import shutil
import time
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

from data_prep.storage.atomic_files import write_whole
from trainables.hyperparameters import EXACT
from trainables.objective import OBJECTIVE, Objective, with_figure
from trainables.training.augmentation import Augmentation
from trainables.training.batches import PIXEL_VALIDATION_BATCH, Batches, Examples, readable
from trainables.training.devices import device_count, require_divisible, spreading
from trainables.training.inference_pass import InferencePass
from trainables.training.network import (
    Architecture,
    body_of,
    build_network,
    head_of,
    l2_penalty,
    loss_of,
    set_initial_state,
    set_rates,
    set_streams,
)
from trainables.training.optimizers import set_numbers
from trainables.training.pass_rows import FEATURE_ROWS, IMAGE_ROWS, rows_of_pass
from trainables.training.schedules import learning_rate_of_epoch
from trainables.training.validation_metrics import (
    VALIDATION_BATCH,
    is_one_class,
    share_right,
    validation_figures,
)
from trainables.trial import BEST, LAST, EpochMetrics, TrialConfig, best_epoch

STEPS_PER_EXECUTION = 32  # of a head: one call from Python for 32 steps of a few milliseconds each
CHECKPOINT = "state.npz"


class DivergedError(RuntimeError):
    """The loss of a trial is no longer a number; the message says when and at which learning rate."""


def divergence(metrics: EpochMetrics) -> DivergedError | None:
    """Returns the error of a trial whose losses were no longer finite in an epoch, None where they were."""
    if math.isfinite(metrics.loss) and math.isfinite(metrics.val_loss):
        return None
    return DivergedError(
        f"the loss is not finite after epoch {metrics.epoch} (loss {metrics.loss}, validation loss "
        f"{metrics.val_loss}) at learning rate {metrics.learning_rate:g}"
    )


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled network, its variables that training changes, and the first values of some.

    `below` is the part of a network on images that its `head` stands on, None where it reads features.
    `changing` starts with the head's, in the order that the head alone has, too; `starts` are of what
    `set_initial_state` leaves: the backbone and the optimizer.
    """

    network: keras.Sequential
    below: keras.Sequential | None
    head: InferencePass
    changing: tuple[keras.Variable, ...]
    starts: tuple[tuple[keras.Variable, np.ndarray], ...]


class Training:
    """One configuration in training.

    The network of an architecture is compiled once a process and reset here, so only one `Training` of
    an architecture may be under way in a process. `weights` are those of the backbone that a network on
    images contains, as for `build_backbone`. Every epoch carries the figure
    that `objective` needs. Raises InputError where the network cannot be built.
    """

    def __init__(
        self,
        config: TrialConfig,
        examples: Examples,
        weights: str = "none",
        *,
        objective: Objective = OBJECTIVE,
    ) -> None:
        self.config = config
        self.objective = objective
        self.examples = examples
        self.finished: list[EpochMetrics] = []
        self._devices = device_count() if examples.are_images else 1
        require_divisible(config.batch_size, self._devices)
        shape, classes = examples.inputs.shape[1:], examples.classes
        self._program = _compiled(Architecture.of(config, shape, weights, classes=classes))
        self.network = self._program.network
        set_initial_state(self.network, config)
        for variable, start in self._program.starts:
            variable.assign(start)
        set_numbers(self.network.optimizer, config)

    def epochs(self) -> Iterator[EpochMetrics]:
        """Trains on, one epoch per step, to the last one, as `config.is_over` says.

        Raises DivergedError after an epoch whose losses are not finite.
        """
        while not self.config.is_over(self.finished):
            metrics = self._train_epoch(len(self.finished) + 1)
            diverged = divergence(metrics)
            if diverged:
                raise diverged
            if self.objective.figure:
                labels = self.examples.labels[self.examples.validation]
                metrics = with_figure(metrics, self.objective, labels, self.validation_probabilities())
            self.finished.append(metrics)
            yield metrics

    def validation_probabilities(self) -> np.ndarray:
        """Returns the probabilities of each validation example, float32.

        Those of label 1 `(n_validation,)` for two classes, else of every label `(n_validation, classes)`.
        """
        found = self._predicted(self.network, self._central_batches(self.examples.validation))
        return found[:, 0] if self.examples.classes == 2 else found

    def save(self, folder: Path, *, with_best: bool = True) -> None:
        """Keeps the whole state after the last finished epoch in `folder`, in place of the one before.

        Unless `with_best` is False the state after the best epoch so far stays beside it, as BEST. Each is
        one file, there whole or not at all. Raises OSError where they cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        facts = {**self._identity(), "epochs": [metrics.to_dict() for metrics in self.finished]}
        arrays = [np.array(json.dumps(facts, allow_nan=False))]
        arrays += [np.asarray(variable.value) for variable in self._state()]
        write_whole(folder / CHECKPOINT, lambda file: np.savez(file, *arrays))
        if with_best and best_epoch(self.finished) == len(self.finished):
            # beside it first: a copy that is cut off must not take the place of the best
            shutil.copyfile(folder / CHECKPOINT, folder / f"{BEST}.part")
            (folder / f"{BEST}.part").replace(folder / BEST)

    def start_from(self, path: Path) -> None:
        """Takes over the weights that another trial kept at `path`, before the first epoch.

        That of a head on features may start the head of a network on images. The output layer of a trial
        with another number of classes is not taken over: its classes are others. Rates, random numbers and
        the optimizer are this trial's own. Raises OSError or ValueError where the file does not fit.
        """
        facts, values = read_state(path)
        variables = list(self._program.changing[: len(values)])
        if facts.get("classes", 2) != self.examples.classes:
            output = {id(variable) for variable in self.network.layers[-1].variables}
            kept = [place for place, variable in enumerate(variables) if id(variable) not in output]
            variables, values = [variables[place] for place in kept], [values[place] for place in kept]
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(f"the weights in {path} are those of another network")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        # the file has the other trial's rates and random numbers among its variables
        set_streams(self.network, self.config)
        set_rates(self.network, self.config)

    def keep(self, checkpoints: Path, folder: Path) -> None:
        """Copies the weights of the last and the best epoch, which `save` left, from the first folder.

        They are `folder`/LAST and /BEST without the optimizer's state. Raises OSError or ValueError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for source, target in ((CHECKPOINT, LAST), (BEST, BEST)):
            facts, values = read_state(checkpoints / source)
            arrays = [np.array(json.dumps(facts)), *values[: len(self._program.changing)]]
            write_whole(folder / target, functools.partial(_savez, arrays))

    def restore(self, folder: Path) -> bool:
        """Goes to where `save` was called for this configuration; returns whether `folder` keeps that.

        What is damaged, or of another configuration or Keras backend, is left with a warning.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        try:
            self._read(path, self._identity())
        # whatever numpy, zipfile and json make of a file that was cut off or written over
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            warnings.warn(f"the trial starts anew, without its checkpoint {path}: {error}", stacklevel=2)
            return False
        return True

    def inherit(self, folder: Path) -> None:
        """Goes to where another configuration of this architecture called `save`, with its own rates.

        Raises OSError or ValueError where there is no such state.
        """
        self._read(folder / CHECKPOINT, None)
        set_rates(self.network, self.config)

    def _read(self, path: Path, identity: dict[str, object] | None) -> None:
        """Takes over the state at `path`, which must be of `identity` where that is given."""
        facts, values = read_state(path)
        epochs = facts.pop("epochs")
        if identity is not None and facts != identity:
            raise ValueError(f"it is of another trial, {facts}")
        if [value.shape for value in values] != [tuple(variable.shape) for variable in self._state()]:
            raise ValueError("its weights are those of another network")
        self.finished = [EpochMetrics(**metrics) for metrics in epochs]
        for variable, value in zip(self._state(), values, strict=True):
            variable.assign(value)

    def _identity(self) -> dict[str, object]:
        classes = {} if self.examples.classes == 2 else {"classes": self.examples.classes}
        return {"config": self.config.to_dict(), "keras_backend": keras.backend.backend(), **classes}

    def _state(self) -> list[keras.Variable]:
        return [*self._program.changing, *self.network.optimizer.variables]

    def _train_epoch(self, epoch: int) -> EpochMetrics:
        started = time.perf_counter()
        learning_rate = learning_rate_of_epoch(self.config, [done.val_loss for done in self.finished])
        self.network.optimizer.learning_rate.assign(learning_rate)
        with spreading(self._devices):
            history = self.network.fit(
                readable(self._training_batches(epoch)),
                validation_data=None if self._validates_after_fit else readable(self._validation_batches()),
                initial_epoch=epoch - 1,
                epochs=epoch,
                shuffle=False,
                verbose=0,
            ).history
        figures = {name: values[-1] for name, values in history.items()}
        at_inference = self._pass_over_training_rows()
        if self._validates_after_fit:
            figures |= self._validated()
        return EpochMetrics(
            epoch=epoch,
            **{name: float(figures[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")},
            learning_rate=learning_rate,
            seconds=time.perf_counter() - started,
            train_accuracy_at_inference=at_inference,
            val_one_class=self._gave_one_class(float(figures["val_accuracy"])),
        )

    @property
    def _validates_after_fit(self) -> bool:
        """Whether `fit` cannot validate: exact statistics come after it, and devices want equal parts, of
        which the last batch of validation has none.
        """
        return self._is_exact or self._devices > 1

    @property
    def _is_exact(self) -> bool:
        return self.config.bn_statistics == EXACT

    def _validated(self) -> dict[str, float]:
        if self._devices == 1:
            batches = readable(self._validation_batches())
            figures = self.network.evaluate(batches, verbose=0, return_dict=True)
            return {f"val_{name}": value for name, value in figures.items()}
        labels = self.examples.labels[self.examples.validation]
        return validation_figures(labels, self.validation_probabilities(), l2_penalty(self.network))

    def _pass_over_training_rows(self) -> float:
        """Returns the training accuracy at inference; statistics that are to be exact become so."""
        probabilities = self._program.head.run(self._inputs_of_pass(), exact=self._is_exact)
        labels = self.examples.labels[self._rows_of_pass]
        return share_right(labels, probabilities)

    @functools.cached_property
    def _rows_of_pass(self) -> np.ndarray:
        most = IMAGE_ROWS if self.examples.are_images else FEATURE_ROWS
        return rows_of_pass(self.examples.train, most)

    def _inputs_of_pass(self) -> Any:
        if self._program.below:  # what it makes of them changes with its trained layers
            return self._predicted(self._program.below, self._central_batches(self._rows_of_pass))
        return self._features_of_pass

    @functools.cached_property
    def _features_of_pass(self) -> Any:
        return keras.ops.convert_to_tensor(self.examples.inputs[self._rows_of_pass])

    def _gave_one_class(self, accuracy: float) -> bool:
        """Returns whether all validation rows got one class, in an epoch of that validation accuracy."""
        labels = self.examples.labels[self.examples.validation]
        _, counts = np.unique(labels, return_counts=True)
        # an answer that is always the same is right as often as its class is there: seldom is more asked
        if not np.isclose(accuracy, [0, *counts / len(labels)], atol=1e-6).any():
            return False
        return is_one_class(self.validation_probabilities())

    def _predicted(self, network: keras.Sequential, batches: Batches) -> np.ndarray:
        """Returns what `network` makes of the inputs in `batches`, float32 with a row for each."""
        # `predict` would hold 32 of them, 300 MB of pixels, at a time
        with spreading(self._devices):
            predicted = [self._predict(network, batches[number][0]) for number in range(len(batches))]
        return np.concatenate(predicted).astype(np.float32)

    def _predict(self, network: keras.Sequential, inputs: np.ndarray) -> np.ndarray:
        """Returns what the network says of a batch, which its devices see in parts of the same size."""
        missing = -len(inputs) % self._devices
        padded = np.concatenate([inputs, inputs[:1].repeat(missing, axis=0)]) if missing else inputs
        return np.asarray(network.predict_on_batch(padded))[: len(inputs)]

    def _training_batches(self, epoch: int) -> Batches:
        config, examples = self.config, self.examples
        # not Keras' shuffle, whose first order in a new network is another than in one that is used again
        order = np.random.default_rng([config.seed, epoch]).permutation(examples.train)
        if not examples.are_images:
            return Batches(examples, order, config.batch_size)
        order = order[: len(order) - len(order) % self._devices]  # another few are left out every epoch
        side = examples.inputs.shape[1]
        drawn = Augmentation.draw(config.augment, len(order), side, config.seed, epoch)
        return Batches(examples, order, config.batch_size, drawn)

    def _validation_batches(self) -> Batches:
        return self._central_batches(self.examples.validation)

    def _central_batches(self, rows: np.ndarray) -> Batches:
        """Returns batches of the rows as they are read outside training, in their order."""
        examples = self.examples
        if not examples.are_images:
            return Batches(examples, rows, VALIDATION_BATCH)
        central = Augmentation.central(self.config.augment, len(rows), examples.inputs.shape[1])
        return Batches(examples, rows, PIXEL_VALIDATION_BATCH, central)


def read_state(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Returns the facts that a checkpoint or kept weights begin with, and their arrays.

    Raises OSError, ValueError, KeyError, TypeError, EOFError or BadZipFile where the file is damaged.
    """
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        facts, *values = (file[name] for name in file.files)
    return json.loads(str(facts)), values


def _savez(arrays: list[np.ndarray], file: BinaryIO) -> None:
    np.savez(file, *arrays)


# building and compiling anew for each trial would cost 3 to 5 s of CPU; few are kept, as each has its weights
@functools.lru_cache(maxsize=4)
def _compiled(architecture: Architecture) -> Program:
    reads_images = len(architecture.input_shape) == 3
    with spreading(device_count() if reads_images else 1):
        network = build_network(architecture)
        network.compile(
            architecture.optimizer.build(),
            loss=loss_of(network),
            metrics=["accuracy"],
            jit_compile=_is_faster_compiled(architecture),
            steps_per_execution=1 if reads_images else STEPS_PER_EXECUTION,
            auto_scale_loss=True,  # of use with float16 alone, whose small gradients would become 0
        )
        head = head_of(network)
        below = _below(network, head) if reads_images else None
        # now: the first `fit` would build it after its first values are noted below
        network.optimizer.build(network.trainable_variables)
    changing = changing_variables(network)
    pretrained = changing[len(_head_variables(network)) :]
    # copies: a step on JAX takes over the memory of the values that it replaces
    starts = [(variable, np.asarray(variable.value).copy()) for variable in pretrained]
    starts += [(variable, _optimizer_start(variable)) for variable in network.optimizer.variables]
    return Program(network, below, InferencePass(head), tuple(changing), tuple(starts))


def _below(network: keras.Sequential, head: list[keras.Layer]) -> keras.Sequential:
    """Returns the network less its head; they share the layers."""
    if not head:
        return network
    return keras.Sequential([keras.Input(network.input_shape[1:]), *network.layers[: -len(head)]])


def changing_variables(network: keras.Sequential) -> list[keras.Variable]:
    """Returns the variables that training changes: the head's, then those of a backbone's trained layers."""
    body = body_of(network)
    unfrozen = [layer for layer in body.layers if layer.trainable] if body else []
    return [*_head_variables(network), *(variable for layer in unfrozen for variable in layer.variables)]


def _head_variables(network: keras.Sequential) -> list[keras.Variable]:
    body = body_of(network)
    return [variable for layer in network.layers if layer is not body for variable in layer.variables]


def _optimizer_start(variable: keras.Variable) -> np.ndarray:
    """Returns the first value of an optimizer's variable: moments are 0, the scale of losses is as built."""
    if variable.shape:
        return np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
    return np.asarray(variable.value).copy()


def _is_faster_compiled(architecture: Architecture) -> bool:
    """Returns whether XLA makes the training faster.

    It halves a head's step, but on TensorFlow's CPU it draws dropout's random numbers 12 times slower. It
    draws others, too: the choice hangs on nothing else, so that all rates of dropout see the same masks.
    Its convolutions are slower than oneDNN's, and TensorFlow cannot spread what it compiled over devices.
    """
    reads_images = len(architecture.input_shape) == 3
    return keras.backend.backend() == "jax" or not (architecture.has_dropout or reads_images)
