"""Program that trains many heads of one architecture together, compiled by JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trainables.training.validation_metrics import VALIDATION_BATCH
from trainables.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.training.network import Architecture


class State(NamedTuple):
    """The variables of a network and its optimizer; those of a pack have the member as first axis."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]


class Seen(NamedTuple):
    """Figures of each example, in row order: the loss of its batch, whether it was right, and p(1)."""

    losses: Any
    right: Any
    probabilities: Any


class Program:
    """The compiled epoch of an architecture; every hyperparameter but the batch size lies in the state."""

    def __init__(self, architecture: Architecture) -> None:
        import jax

        from trainables.training.network import head_of, loss_of, network_to_train

        # Keras' own, so that members get the numbers of `Training`
        self._network = network_to_train(architecture)
        self._head = head_of(self._network)
        self._optimizer = architecture.optimizer.build()
        self._optimizer.build(self._network.trainable_variables)
        self._has_two_classes = architecture.classes == 2
        self._entropy = loss_of(self._network)
        # the new state takes the memory of the old one: with both, half as many members would fit
        self.run_epoch = jax.jit(
            self._run_epoch, static_argnames=("batch_size", "exact"), donate_argnames="state"
        )

    def initial_state(self, configs: Sequence[TrialConfig]) -> State:
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
        # moments and the count of steps begin at 0
        optimizer = [jnp.zeros((len(configs), *each.shape), each.dtype) for each in self._optimizer.variables]
        return self._with_numbers(State(trainable, non_trainable, optimizer), configs)

    def _with_numbers(self, state: State, configs: Sequence[TrialConfig]) -> State:
        """Returns the state with what the optimizer has of each configuration, such as its weight decay."""
        from trainables.training.optimizers import numbers_of

        # by identity: variables compare element by element
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

    def with_learning_rates(self, state: State, rates: Sequence[float]) -> State:
        """Returns the state with the learning rate of each slot."""
        optimizer = [
            np.asarray(rates, variable.dtype) if variable is self._optimizer.learning_rate else values
            for variable, values in zip(self._optimizer.variables, state.optimizer, strict=True)
        ]
        return state._replace(optimizer=optimizer)

    def _run_epoch(
        self,
        state: State,
        inputs: Any,
        labels: Any,
        orders: Any,
        weights: Any,
        rows_of_pass: Any,
        validation: Any,
        batch_size: int,
        exact: bool,
    ) -> tuple[State, Seen, Any, Seen]:
        """Trains an epoch, passes over training rows and validates; returns the state and what was seen.

        `inputs` `(n, features)`, `labels` `(n, 1)`; row numbers are `orders` `(slots, n_train)`,
        `rows_of_pass` and `validation`; `weights` are those of the classes, `(slots, classes)` or None. Of
        the pass the probabilities are returned, `(slots, rows)`; with `exact` it sets BatchNorm's statistics.
        It is compiled for each number of slots.
        """
        import jax

        gradient = jax.grad(functools.partial(self._loss, training=True), has_aux=True)

        def step(of_classes: Any, member: State, rows: Any) -> tuple[State, Seen]:
            trainable, non_trainable, adam = member
            of_rows = None if of_classes is None else of_classes[labels[rows, 0].astype(int)]
            gradients, (non_trainable, seen) = gradient(
                trainable, non_trainable, inputs[rows], labels[rows], of_rows
            )
            trainable, adam = self._optimizer.stateless_apply(adam, gradients, trainable)
            return State(trainable, non_trainable, adam), seen

        def epoch(member: State, order: Any, of_classes: Any) -> tuple[State, Seen, Any, Seen]:
            def validate(_: None, rows: Any) -> tuple[None, Seen]:
                # unweighted: validation counts each row alike
                return None, self._loss(*member[:2], inputs[rows], labels[rows], training=False)[1][1]

            member, trained = _over_batches(functools.partial(step, of_classes), member, order, batch_size)
            member, answers = self._pass(member, inputs[rows_of_pass], exact)
            return member, trained, answers, _over_batches(validate, None, validation, VALIDATION_BATCH)[1]

        if len(orders) > 1:
            return jax.vmap(epoch)(state, orders, weights)
        alone = jax.tree.map(
            lambda values: values[0], (state, orders, weights)
        )  # plain: `vmap` of one is slower
        ended: tuple[State, Seen, Any, Seen] = jax.tree.map(lambda values: values[None], epoch(*alone))
        return ended

    def _pass(self, member: State, inputs: Any, exact: bool) -> tuple[State, Any]:
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
    ) -> tuple[Any, tuple[Any, Seen]]:
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
            return loss, (non_trainable, Seen(losses, right, probabilities))
        right = (probabilities > 0.5) == (labels > 0.5)
        return loss, (non_trainable, Seen(losses, right[:, 0], probabilities[:, 0]))


@functools.lru_cache(maxsize=4)
def program_of(architecture: Architecture) -> Program:
    return Program(architecture)


def _over_batches(step: Callable[..., Any], carry: Any, rows: Any, size: int) -> tuple[Any, Seen]:
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
