"""Training of one configuration on examples that lie in memory or in a memory-mapped file."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainables.hyperparameters import EXACT
from trainables.objective import OBJECTIVE, Objective, with_figure
from trainables.own_code import OwnCode
from trainables.training.augmentation import Augmentation
from trainables.training.batches import PIXEL_VALIDATION_BATCH, Batches, Examples, readable
from trainables.training.devices import device_count, require_divisible, spreading
from trainables.training.network import (
    Architecture,
    l2_penalty,
    set_rates,
    set_streams,
)
from trainables.training.pass_rows import FEATURE_ROWS, IMAGE_ROWS, rows_of_pass
from trainables.training.program import compiled
from trainables.training.schedules import learning_rate_of_epoch
from trainables.training.state_file import DAMAGED, read_state, write_state
from trainables.training.validation_metrics import (
    VALIDATION_BATCH,
    is_one_class,
    share_right,
    validation_figures,
)
from trainables.trial import BEST, LAST, EpochMetrics, TrialConfig, best_epoch

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


class Training:
    """One configuration in training.

    The network of an architecture is compiled once a process and reset here, so only one `Training` of
    an architecture may be under way in a process. `weights` are those of the backbone that a network on
    images contains, as for `build_backbone`. Every epoch carries the figure that `objective` needs. `code`
    has the network of the user's own that `config` names. Raises InputError where the network cannot be
    built.
    """

    def __init__(
        self,
        config: TrialConfig,
        examples: Examples,
        weights: str = "none",
        *,
        objective: Objective = OBJECTIVE,
        code: OwnCode | None = None,
    ) -> None:
        self.config = config
        self.objective = objective
        self.examples = examples
        self.finished: list[EpochMetrics] = []
        self._probabilities: np.ndarray | None = None  # of the weights as they are, once asked for
        self._class_weights = examples.class_weights(config.class_weight)
        self._devices = device_count() if examples.are_images else 1
        require_divisible(config.batch_size, self._devices)
        shape, classes = examples.inputs.shape[1:], examples.classes
        self._program = compiled(Architecture.of(config, shape, weights, classes=classes, code=code))
        self.network = self._program.network
        self._program.begin(config)

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
        if self._probabilities is None:
            found = self._predicted(self.network, self._validation_batches())
            self._probabilities = found[:, 0] if self.examples.classes == 2 else found
        return self._probabilities

    def save(self, folder: Path, *, with_best: bool = True) -> None:
        """Keeps the whole state after the last finished epoch in `folder`, in place of the one before.

        Unless `with_best` is False the state after the best epoch so far stays beside it, as BEST. Each is
        one file, there whole or not at all. Raises OSError where they cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        facts = {**self._identity(), "epochs": [metrics.to_dict() for metrics in self.finished]}
        write_state(folder / CHECKPOINT, facts, (variable.value for variable in self._state()))
        if with_best and best_epoch(self.finished) == len(self.finished):
            # beside it first: a copy that is cut off must not take the place of the best
            (folder / f"{BEST}.part").write_bytes((folder / CHECKPOINT).read_bytes())
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
        self._probabilities = None
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
            write_state(folder / target, facts, values[: len(self._program.changing)])

    def restore(self, folder: Path) -> bool:
        """Goes to where `save` was called for this configuration; returns whether `folder` keeps that.

        What is damaged, or of another configuration or Keras backend, is left with a warning.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        try:
            self._read(path, self._identity())
        except DAMAGED as error:
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
        self._probabilities = None

    def _identity(self) -> dict[str, object]:
        # checkpoints of before there were more do not say it
        classes = {} if self.examples.classes == 2 else {"classes": self.examples.classes}
        return {"config": self.config.to_dict(), "keras_backend": keras.backend.backend(), **classes}

    def _state(self) -> list[keras.Variable]:
        return [*self._program.changing, *self.network.optimizer.variables]

    def _train_epoch(self, epoch: int) -> EpochMetrics:
        started = time.perf_counter()
        self._probabilities = None
        learning_rate = learning_rate_of_epoch(self.config, [done.val_loss for done in self.finished])
        self.network.optimizer.learning_rate.assign(learning_rate)
        with spreading(self._devices):
            history = self.network.fit(
                self._program.feed(self._training_batches(epoch)),
                validation_data=None if self._validates_after_fit else readable(self._validation_batches()),
                initial_epoch=epoch - 1,  # one epoch a call: statistics, checkpoint and report come between
                epochs=epoch,
                shuffle=False,  # the order is ours, and the same for a network that is used again
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
        """Whether `fit` does not validate: exact statistics come after it, and so do probabilities."""
        return self._is_exact or self._validates_by_probabilities

    @property
    def _validates_by_probabilities(self) -> bool:
        """Whether validation figures are those of probabilities: devices want equal parts, of which the last
        batch has none for Keras; and a figure of images needs them anyway, which are read once so.
        """
        return self._devices > 1 or (self.examples.are_images and bool(self.objective.figure))

    @property
    def _is_exact(self) -> bool:
        return self.config.bn_statistics == EXACT

    def _validated(self) -> dict[str, float]:
        if not self._validates_by_probabilities:
            batches = readable(self._validation_batches())
            figures = self.network.evaluate(batches, verbose=0, return_dict=True)
            return {f"val_{name}": value for name, value in figures.items()}
        labels = self.examples.labels[self.examples.validation]
        return validation_figures(labels, self.validation_probabilities(), l2_penalty(self.network))

    def _pass_over_training_rows(self) -> float:
        """Returns the training accuracy at inference; statistics that are to be exact become so."""
        probabilities = self._program.head.run(self._inputs_of_pass(), exact=self._is_exact)
        labels = self.examples.labels[self.rows_of_pass]
        return share_right(labels, probabilities)

    @cached_property
    def rows_of_pass(self) -> np.ndarray:
        """The training rows that the pass after an epoch reads."""
        most = IMAGE_ROWS if self.examples.are_images else FEATURE_ROWS
        return rows_of_pass(self.examples.train, most)

    def _inputs_of_pass(self) -> Any:
        if self._program.below:  # what it makes of them changes with its trained layers
            return self._predicted(self._program.below, self._central_batches(self.rows_of_pass))
        return self._features_of_pass

    @cached_property
    def _features_of_pass(self) -> Any:
        # once: they stay the same, unlike those of unfrozen blocks
        return keras.ops.convert_to_tensor(self.examples.inputs[self.rows_of_pass])

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
        weights = self._class_weights
        if not examples.are_images:
            return Batches(examples, order, config.batch_size, class_weights=weights)
        order = order[: len(order) - len(order) % self._devices]  # another few are left out every epoch
        side = examples.inputs.shape[1]
        drawn = Augmentation.draw(config.augment, len(order), side, config.seed, epoch, mixup=config.mixup)
        return Batches(examples, order, config.batch_size, drawn, class_weights=weights)

    def _validation_batches(self) -> Batches:
        return self._central_batches(self.examples.validation)

    def _central_batches(self, rows: np.ndarray) -> Batches:
        """Returns batches of the rows as they are read outside training, in their order."""
        examples = self.examples
        if not examples.are_images:
            return Batches(examples, rows, VALIDATION_BATCH)
        central = Augmentation.central(self.config.augment, len(rows), examples.inputs.shape[1])
        return Batches(examples, rows, PIXEL_VALIDATION_BATCH, central)
