"""Training of many configurations of one architecture as one vectorised program, on Keras' JAX backend.

A pack pays where a step is bound by launches. Measured on 2 cores of a CPU against `Training`, K = 1, 2
and 4: at widths 8/4 a head's epoch takes 1/10, 1/17 and 1/29 of the CPU time; at 1024/512/256 0.9 to 1.05
of it, and at K = 4 up to 1.4 of the wall time. Keras and JAX are imported inside the functions, so that
a driver groups and sizes packs without them.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data_prep.errors import InputError
from trainables.hyperparameters import EXACT, HYPERPARAMETERS, Sharing
from trainables.objective import OBJECTIVE, Objective, with_figure
from trainables.training.pass_rows import FEATURE_ROWS, rows_of_pass
from trainables.training.schedules import learning_rate_of_epoch
from trainables.training.validation_metrics import VALIDATION_BATCH, is_one_class, share_right
from trainables.trial import EpochMetrics, TrialConfig

if TYPE_CHECKING:
    from trainables.training.batches import Examples
    from trainables.training.network import Architecture
    from trainables.training.training import DivergedError

PARAMETER_ARRAYS = 4  # weights, gradients and Adam's two moments
ACTIVATION_ARRAYS = 8  # of a batch at each width: what a step keeps for the gradient, and the gradients


def shape_of(config: TrialConfig) -> Hashable:
    """Returns the shape that configurations share where one pack can train them.

    That is all but what the table of hyperparameters calls a number of the program's data, such as the
    backbone, the widths and the batch size, and whether there is L2 at all.
    """
    shape: list[Hashable] = []
    for row in HYPERPARAMETERS.values():
        if row.sharing is Sharing.NONE:
            shape.append(getattr(config, row.name))
        if row.sharing is Sharing.WHERE_SET:
            shape.append(getattr(config, row.name) > 0)
    return tuple(shape)


def group_by_shape(configs: Sequence[TrialConfig]) -> tuple[tuple[TrialConfig, ...], ...]:
    """Returns the configurations in groups of one shape, groups and members in the order given."""
    groups: dict[Hashable, list[TrialConfig]] = {}
    for config in configs:
        groups.setdefault(shape_of(config), []).append(config)
    return tuple(tuple(group) for group in groups.values())


def pack_size(config: TrialConfig, features: int, memory_bytes: float, *, classes: int = 2) -> int:
    """Returns how many heads of the shape of `config` for so many classes fit `memory_bytes`, at least 1.

    `features` is the length of a row of inputs; the memory is what is left beside the matrix of inputs.
    """
    widths, outputs = (features, *config.hidden_units), 1 if classes == 2 else classes
    kernels = sum((below + 1) * above for below, above in pairwise((*widths, outputs)))
    parameters = kernels + 4 * sum(widths)  # BatchNorm's
    seen = sum(widths) if classes == 2 else sum(widths) + classes
    activations = max(ACTIVATION_ARRAYS * config.batch_size, 2 * VALIDATION_BATCH) * seen
    if config.bn_statistics == EXACT:  # which are of all rows: what a layer reads and what it makes of them
        activations += FEATURE_ROWS * max(
            map(sum, pairwise((*config.hidden_units, outputs))), default=outputs
        )
    member_bytes = 4 * (PARAMETER_ARRAYS * parameters + activations)
    return max(1, int(memory_bytes // member_bytes))


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
        self._program = _program(first.covering(self.configs))
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


class _State(NamedTuple):
    """The variables of a network and its optimizer; those of a pack have the member as first axis."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]


class _Seen(NamedTuple):
    """Figures of each example, in row order: the loss of its batch, whether it was right, and p(1)."""

    losses: Any
    right: Any
    probabilities: Any


class _Program:
    """The compiled epoch of an architecture; every hyperparameter but the batch size lies in the state."""

    def __init__(self, architecture: Architecture) -> None:
        import jax

        from trainables.training.network import build_network, head_of, loss_of

        self._network = build_network(architecture)
        self._head = head_of(self._network)
        self._optimizer = architecture.optimizer.build()
        self._optimizer.build(self._network.trainable_variables)
        self._has_two_classes = architecture.classes == 2
        self._entropy = loss_of(self._network)
        # the new state takes the memory of the old one: with both, half as many members would fit
        self.run_epoch = jax.jit(
            self._run_epoch, static_argnames=("batch_size", "exact"), donate_argnames="state"
        )

    def initial_state(self, configs: Sequence[TrialConfig]) -> _State:
        """Returns the stacked state in which training with each configuration begins."""
        import jax.numpy as jnp

        from trainables.training.network import set_initial_state

        kinds = (self._network.trainable_variables, self._network.non_trainable_variables)
        starts = []
        for config in configs:
            set_initial_state(self._network, config)
            starts.append([[np.array(variable.value) for variable in kind] for kind in kinds])
        trainable, non_trainable = (
            [jnp.asarray(np.stack(values)) for values in zip(*kind, strict=True)]
            for kind in zip(*starts, strict=True)
        )
        optimizer = [jnp.zeros((len(configs), *each.shape), each.dtype) for each in self._optimizer.variables]
        return self._with_numbers(_State(trainable, non_trainable, optimizer), configs)

    def _with_numbers(self, state: _State, configs: Sequence[TrialConfig]) -> _State:
        """Returns the state with what the optimizer has of each configuration, such as its weight decay."""
        from trainables.training.optimizers import numbers_of

        columns = [
            {id(each): value for each, value in numbers_of(self._optimizer, config)} for config in configs
        ]
        optimizer = [
            np.asarray([column[id(variable)] for column in columns], variable.dtype)
            if id(variable) in columns[0]
            else values
            for variable, values in zip(self._optimizer.variables, state.optimizer, strict=True)
        ]
        return state._replace(optimizer=optimizer)

    def with_learning_rates(self, state: _State, rates: Sequence[float]) -> _State:
        """Returns the state with the learning rate of each slot."""
        optimizer = [
            np.asarray(rates, variable.dtype) if variable is self._optimizer.learning_rate else values
            for variable, values in zip(self._optimizer.variables, state.optimizer, strict=True)
        ]
        return state._replace(optimizer=optimizer)

    def _run_epoch(
        self,
        state: _State,
        inputs: Any,
        labels: Any,
        orders: Any,
        weights: Any,
        rows_of_pass: Any,
        validation: Any,
        batch_size: int,
        exact: bool,
    ) -> tuple[_State, _Seen, Any, _Seen]:
        """Trains an epoch, passes over training rows and validates; returns the state and what was seen.

        `inputs` `(n, features)`, `labels` `(n, 1)`; row numbers are `orders` `(slots, n_train)`,
        `rows_of_pass` and `validation`; `weights` are those of the classes, `(slots, classes)` or None. Of
        the pass the probabilities are returned, `(slots, rows)`; with `exact` it sets BatchNorm's statistics.
        It is compiled for each number of slots.
        """
        import jax

        gradient = jax.grad(functools.partial(self._loss, training=True), has_aux=True)

        def step(of_classes: Any, member: _State, rows: Any) -> tuple[_State, _Seen]:
            trainable, non_trainable, adam = member
            of_rows = None if of_classes is None else of_classes[labels[rows, 0].astype(int)]
            gradients, (non_trainable, seen) = gradient(
                trainable, non_trainable, inputs[rows], labels[rows], of_rows
            )
            trainable, adam = self._optimizer.stateless_apply(adam, gradients, trainable)
            return _State(trainable, non_trainable, adam), seen

        def epoch(member: _State, order: Any, of_classes: Any) -> tuple[_State, _Seen, Any, _Seen]:
            def validate(_: None, rows: Any) -> tuple[None, _Seen]:
                return None, self._loss(*member[:2], inputs[rows], labels[rows], training=False)[1][1]

            member, trained = _over_batches(functools.partial(step, of_classes), member, order, batch_size)
            member, answers = self._pass(member, inputs[rows_of_pass], exact)
            return member, trained, answers, _over_batches(validate, None, validation, VALIDATION_BATCH)[1]

        if len(orders) > 1:
            return jax.vmap(epoch)(state, orders, weights)
        alone = jax.tree.map(
            lambda values: values[0], (state, orders, weights)
        )  # plain: `vmap` of one is slower
        ended: tuple[_State, _Seen, Any, _Seen] = jax.tree.map(lambda values: values[None], epoch(*alone))
        return ended

    def _pass(self, member: _State, inputs: Any, exact: bool) -> tuple[_State, Any]:
        """Returns the member, with exact statistics where it is to have them, and its probabilities."""
        import keras

        from trainables.training.inference_pass import pass_through

        kinds = (self._network.trainable_variables, self._network.non_trainable_variables)
        values = [pair for pairs in map(zip, kinds, member[:2]) for pair in pairs]
        with keras.StatelessScope(values) as scope:
            answers = pass_through(self._head, inputs, exact=exact, over_rows=_some_at_a_time)
            statistics = [scope.get_current_value(variable) for variable in kinds[1]]
        said = answers[:, 0] if self._has_two_classes else answers
        return member._replace(non_trainable=statistics if exact else member.non_trainable), said

    def _loss(
        self,
        trainable: Any,
        non_trainable: Any,
        inputs: Any,
        labels: Any,
        of_rows: Any = None,
        *,
        training: bool,
    ) -> tuple[Any, tuple[Any, _Seen]]:
        import jax.numpy as jnp
        import keras

        probabilities, moved, penalties = self._network.stateless_call(
            trainable, non_trainable, inputs, training=training, return_losses=True
        )
        # the loss may read a weight of the network, such as the share of label smoothing
        weights = [*zip(self._network.non_trainable_variables, non_trainable, strict=True)]
        with keras.StatelessScope(state_mapping=weights):
            entropy = self._entropy(labels, probabilities, sample_weight=of_rows)
        loss, non_trainable = sum(penalties, start=entropy), moved
        losses = jnp.full(len(labels), loss)  # so that its mean over the examples is that of `fit`
        if not self._has_two_classes:
            right = probabilities.argmax(axis=1) == labels[:, 0]
            return loss, (non_trainable, _Seen(losses, right, probabilities))
        right = (probabilities > 0.5) == (labels > 0.5)
        return loss, (non_trainable, _Seen(losses, right[:, 0], probabilities[:, 0]))


@functools.lru_cache(maxsize=4)
def _program(architecture: Architecture) -> _Program:
    return _Program(architecture)


def _over_batches(step: Callable[..., Any], carry: Any, rows: Any, size: int) -> tuple[Any, _Seen]:
    """Takes steps over the rows, `size` at a time and the rest at the end, as `fit` does."""
    import jax
    import jax.numpy as jnp

    whole = len(rows) // size * size
    parts = []
    if whole:
        carry, seen = jax.lax.scan(step, carry, rows[:whole].reshape(-1, size))
        parts.append(jax.tree.map(lambda values: values.reshape(whole, *values.shape[2:]), seen))
    if whole < len(rows):  # by itself: a scan takes steps of one shape
        carry, rest = step(carry, rows[whole:])
        parts.append(rest)
    return carry, jax.tree.map(lambda *values: jnp.concatenate(values), *parts)


def _some_at_a_time(function: Callable[[Any], Any], rows: Any) -> Any:
    """Returns what `function` makes of the rows, VALIDATION_BATCH at a time: a pack has all its members'."""
    import jax
    import jax.numpy as jnp

    whole = len(rows) // VALIDATION_BATCH * VALIDATION_BATCH
    parts = []
    if whole:
        made = jax.lax.map(function, rows[:whole].reshape(-1, VALIDATION_BATCH, rows.shape[1]))
        parts.append(made.reshape(whole, -1))
    if whole < len(rows):
        parts.append(function(rows[whole:]))
    return jnp.concatenate(parts)


def _weights_of_members(configs: Sequence[TrialConfig], examples: Examples) -> np.ndarray | None:
    """Returns what the classes weigh for each member, `(members, classes)`; None where they do for none."""
    found = [examples.class_weights(config.class_weight) for config in configs]
    if all(weights is None for weights in found):
        return None  # the program without weights, which is the report's to the bit
    even = np.ones(examples.classes, np.float32)
    return np.stack([even if weights is None else weights for weights in found])


def _means(seen: _Seen) -> tuple[list[float], list[float]]:
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
