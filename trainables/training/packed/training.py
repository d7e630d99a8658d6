"""Training of many configurations of one architecture as one vectorised program, on Keras' JAX backend.

A pack pays where a step is bound by launches. Measured on 2 cores of a CPU against `Training`, K = 1, 2
and 4: at widths 8/4 a head's epoch takes 1/10, 1/17 and 1/29 of the CPU time; at 1024/512/256 0.9 to 1.05
of it, and at K = 4 up to 1.4 of the wall time. Keras and JAX are imported inside the functions, so that
a driver groups and sizes packs without them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.errors import InputError
from trainables.hyperparameters import EXACT
from trainables.objective import OBJECTIVE, Objective, with_figure
from trainables.training.packed.heads import group_by_shape
from trainables.training.packed.program import Seen, program_of
from trainables.training.pass_rows import FEATURE_ROWS, rows_of_pass
from trainables.training.schedules import learning_rate_of_epoch
from trainables.training.state_file import read_state, write_state
from trainables.training.validation_metrics import is_one_class, share_right
from trainables.trial import EpochMetrics, TrialConfig

if TYPE_CHECKING:
    from trainables.training.batches import Examples
    from trainables.training.training import DivergedError


class PackedTraining:
    """Configurations of one group of `group_by_shape` in training, all on the same examples.

    A member sees the batches, the initial weights and the dropout masks of its own `Training`, and its
    losses are equal to 1e-5 as long as training itself is stable: a rate so high that the loss grows
    magnifies the rounding of float32. `finished` holds each member's epochs, in the order of `configs`.

    A member that diverged or was stopped is masked: its slot is computed and not read, until at most
    half of the slots are in use; then the pack is compacted, and compiled once more.

    `examples.inputs` are features `(n, features)`; a copy of all of them lies on the device. `objective` is
    as for `Training`. Raises InputError where Keras does not run on JAX, and ValueError for configurations
    that make no pack or examples that are not features.
    """

    def __init__(
        self, configs: Sequence[TrialConfig], examples: Examples, *, objective: Objective = OBJECTIVE
    ) -> None:
        _require_jax()
        if len(group_by_shape(configs)) != 1:
            raise ValueError(f"a pack is one or more configurations of one shape, received {list(configs)}")
        if examples.inputs.ndim != 2:
            raise ValueError(f"a pack reads features (n, features), received {examples.inputs.shape}")
        import jax.numpy as jnp

        from trainables.training.network import Architecture

        self.configs = tuple(configs)
        self.examples = examples
        self.objective = objective
        self.finished: tuple[list[EpochMetrics], ...] = tuple([] for _ in self.configs)
        self._probabilities: list[np.ndarray | None] = [None for _ in self.configs]
        self._going_on = list(range(len(self.configs)))
        self._slots = list(self._going_on)  # the member whose state lies in each slot
        first = Architecture.of(self.configs[0], examples.inputs.shape[1:], classes=examples.classes)
        self._program = program_of(first.covering(self.configs))
        self._state = self._program.initial_state(self.configs)
        self._rows_of_pass = rows_of_pass(examples.train, FEATURE_ROWS)
        self._inputs = jnp.asarray(examples.inputs)
        self._labels = jnp.asarray(examples.labels[:, None], jnp.float32)
        self._weights = _weights_of_members(self.configs, examples)

    def epochs(self) -> Iterator[tuple[EpochMetrics | DivergedError | None, ...]]:
        """Trains on, one epoch per step, until no member goes on; yields one entry per member.

        The entry is the epoch's metrics, or the DivergedError that the member's own `Training` would
        raise after it, or None where the member had ended before. `seconds` is the wall time of the
        epoch divided by the members that went on.
        """
        while self._going_on:
            self._compact()
            yield self._train_epoch(self._next_epoch)
            ended = [member for member in self._going_on if self.is_over(member)]
            self._going_on = [member for member in self._going_on if member not in ended]

    def is_over(self, member: int) -> bool:
        """Returns whether the member has trained its last epoch."""
        return self.configs[member].is_over(self.finished[member])

    def stop(self, member: int) -> None:
        """Ends a member, an index into `configs`, before its next epoch; one that has ended stays so.

        Raises IndexError where there is no such member.
        """
        if not 0 <= member < len(self.configs):
            raise IndexError(f"the members are 0 to {len(self.configs) - 1}, received {member}")
        if member in self._going_on:
            self._going_on.remove(member)

    def validation_probabilities(self) -> tuple[np.ndarray | None, ...]:
        """Returns each member's probabilities after the last epoch that it finished, as `Training` does,
        and None for a member that finished none.
        """
        return tuple(self._probabilities)

    @property
    def goes_on(self) -> bool:
        """Whether any member has an epoch before it."""
        return bool(self._going_on)

    def save(self, path: Path, **facts: Any) -> None:
        """Keeps the state of all members after the last epoch, and `facts` for whoever reads it back.

        The file is there whole or not at all. Raises OSError where it cannot be written.
        """
        have = [member for member, found in enumerate(self._probabilities) if found is not None]
        kept = {
            **facts,
            "pack": self._identity(),
            "epochs": [[metrics.to_dict() for metrics in finished] for finished in self.finished],
            "going_on": self._going_on,
            "slots": self._slots,
            "have_probabilities": have,
        }
        state = [array for arrays in self._state for array in arrays]
        write_state(path, kept, [*state, *(self._probabilities[member] for member in have)])

    def restore(self, path: Path) -> None:
        """Goes to where `save` was called for these configurations; on the same device all goes on equally.

        Raises what `read_state` does, and ValueError where the state is of another pack.
        """
        import jax.numpy as jnp

        facts, values = read_state(path)
        slots, have = facts["slots"], facts["have_probabilities"]
        places = [(arrays, number) for arrays in self._state for number in range(len(arrays))]
        wanted = [(len(slots), *arrays[number].shape[1:]) for arrays, number in places]
        if facts["pack"] != self._identity() or [value.shape for value in values[: len(places)]] != wanted:
            raise ValueError("it is of another pack")
        self.finished = tuple([EpochMetrics(**each) for each in epochs] for epochs in facts["epochs"])
        self._going_on, self._slots = facts["going_on"], slots
        for (arrays, number), value in zip(places, values, strict=False):  # never two copies of the state
            arrays[number] = jnp.asarray(value)
        for member, found in zip(have, values[len(places) :], strict=True):
            self._probabilities[member] = found

    def _identity(self) -> dict[str, Any]:
        # the data is in the trials' keys, after which the folder is called
        return {"configs": [config.to_dict() for config in self.configs], "classes": self.examples.classes}

    @property
    def _next_epoch(self) -> int:
        return len(self.finished[self._going_on[0]]) + 1

    def _compact(self) -> None:
        if 2 * len(self._going_on) > len(self._slots):
            return
        used = np.array([self._slots.index(member) for member in self._going_on])
        for arrays in self._state:
            for number, array in enumerate(arrays):  # one after the other: never two copies of the state
                arrays[number] = array[used]
        self._slots = list(self._going_on)

    def _train_epoch(self, epoch: int) -> tuple[EpochMetrics | DivergedError | None, ...]:
        started = time.perf_counter()
        rates = [self._learning_rate(member) for member in self._slots]
        self._state, trained, answers, validated = self._program.run_epoch(
            self._program.with_learning_rates(self._state, rates),
            self._inputs,
            self._labels,
            np.stack([self._order(member, epoch) for member in self._slots]).astype(np.int32),
            None if self._weights is None else self._weights[self._slots],
            self._rows_of_pass.astype(np.int32),
            self.examples.validation.astype(np.int32),
            self.configs[0].batch_size,
            self.configs[0].bn_statistics == EXACT,
        )
        figures = [*zip(*_means(trained), *_means(validated), rates, strict=True)]
        pass_labels = self.examples.labels[self._rows_of_pass]
        seconds = (time.perf_counter() - started) / len(self._going_on)
        entries: list[EpochMetrics | DivergedError | None] = [None for _ in self.configs]
        for slot, member in enumerate(self._slots):
            if member in self._going_on:
                values = dict(zip(_FIGURES, figures[slot], strict=True))
                probabilities = np.asarray(validated.probabilities[slot])
                metrics = EpochMetrics(
                    epoch=epoch,
                    seconds=seconds,
                    train_accuracy_at_inference=share_right(pass_labels, np.asarray(answers[slot])),
                    val_one_class=is_one_class(probabilities),
                    **values,
                )
                entries[member] = self._keep(member, metrics, probabilities)
        return tuple(entries)

    def _learning_rate(self, member: int) -> float:
        return learning_rate_of_epoch(self.configs[member], [done.val_loss for done in self.finished[member]])

    def _order(self, member: int, epoch: int) -> np.ndarray:
        # numpy's, as in `Training`: JAX would draw another
        return np.random.default_rng([self.configs[member].seed, epoch]).permutation(self.examples.train)

    def _keep(
        self, member: int, metrics: EpochMetrics, probabilities: np.ndarray
    ) -> EpochMetrics | DivergedError:
        from trainables.training.training import divergence

        diverged = divergence(metrics)
        if diverged:
            self._going_on.remove(member)
            return diverged
        if self.objective.figure:
            labels = self.examples.labels[self.examples.validation]
            metrics = with_figure(metrics, self.objective, labels, probabilities)
        self.finished[member].append(metrics)
        self._probabilities[member] = probabilities
        return metrics


_FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def _weights_of_members(configs: Sequence[TrialConfig], examples: Examples) -> np.ndarray | None:
    """Returns what the classes weigh for each member, `(members, classes)`; None where they do for none."""
    found = [examples.class_weights(config.class_weight) for config in configs]
    if all(weights is None for weights in found):
        return None  # the program without weights, which is the report's to the bit
    even = np.ones(examples.classes, np.float32)
    return np.stack([even if weights is None else weights for weights in found])


def _means(seen: Seen) -> tuple[list[float], list[float]]:
    """Returns the mean loss and the accuracy of each slot, the accuracy to the bit that of Keras."""
    right = np.asarray(seen.right)
    accuracies = right.sum(axis=1, dtype=np.float32) / np.float32(right.shape[1])
    return np.asarray(seen.losses).mean(axis=1, dtype=float).tolist(), accuracies.tolist()


def _require_jax() -> None:
    import keras

    if keras.backend.backend() != "jax":
        raise InputError(
            "training in packs needs the JAX backend of Keras (`--keras-backend jax`), this process runs "
            f"{keras.backend.backend()}"
        )
