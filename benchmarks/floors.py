"""The least that a head's epoch and a backbone's pass could take: arithmetic over the matrix peak, and bytes.

A training step of a head with p weights on a batch of b needs 6pb operations (forward, and the gradients
of weights and inputs), or moves its weights and gradients where that takes longer; then Adam reads
weights, gradients and two moments and writes three of them back: 7 x 4p bytes. At batch size 1 next to no
weight can change (`TrialConfig.has_idle_weights`): what is left is to read them once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.heads import FEATURES
from benchmarks.measure import Cost, best, cost_of
from trainables.trial import TrialConfig

FLOAT_BYTES = 4
GEMM_SIDE = 1024
ARRAY_BYTES = 64 * 2**20  # beyond the caches
SAMPLES = 10  # short ones, so that some of them run undisturbed


@dataclass(frozen=True)
class Peak:
    """What the machine does at best.

    The costs of a floating-point operation, of a byte read or written where arrays change in place, as
    Adam's do, and of one where they are copied: there the target's memory is fetched as well, for nothing.
    """

    flop: Cost
    byte: Cost
    copied_byte: Cost

    @property
    def gflops(self) -> float:
        """Billions of operations a second by wall time."""
        return 1e-9 / self.flop.wall_s

    @property
    def gigabytes_a_second(self) -> float:
        """Billions of bytes read and written in place, a second by wall time."""
        return 1e-9 / self.byte.wall_s

    @property
    def copied_gigabytes_a_second(self) -> float:
        """Billions of bytes read and written by copying, a second by wall time."""
        return 1e-9 / self.copied_byte.wall_s


class PeakMeter:
    """Measures matrix products, changes in place and copies (float32, numpy), one thread each.

    `threads` are taken to multiply that many times as fast, as they do on idle cores: on cores that others
    use too, several threads of numpy wait for each other. One thread all but fills the memory's bandwidth.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._left = np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
        self._right, self._product = np.ones_like(self._left), np.empty_like(self._left)
        self._source = np.ones(ARRAY_BYTES // FLOAT_BYTES, np.float32)
        self._target = np.ones_like(self._source)
        self._products: list[Cost] = []
        self._changes: list[Cost] = []
        self._copies: list[Cost] = []

    def look(self) -> None:
        """Takes SAMPLES of each."""
        with threadpool_limits(1):
            for _ in range(SAMPLES):
                self._products.append(cost_of(self._multiply))
                self._changes.append(cost_of(lambda: np.negative(self._source, out=self._source)))
                self._copies.append(cost_of(lambda: np.copyto(self._target, self._source)))

    def peak(self) -> Peak:
        """Returns the best of what was seen."""
        flop = best(self._products) * (1 / (2 * GEMM_SIDE**3))
        byte, copied_byte = (best(costs) * (1 / (2 * ARRAY_BYTES)) for costs in (self._changes, self._copies))
        return Peak(Cost(flop.wall_s / self._threads, flop.cpu_s), byte, copied_byte)

    def _multiply(self) -> None:
        np.matmul(self._left, self._right, out=self._product)


class StepProducts:
    """The matrix products of one training step, by numpy, on arrays that lie ready."""

    def __init__(self, config: TrialConfig) -> None:
        needed = 1 if config.has_idle_weights else None  # of a layer's: its outputs
        self._products = [
            product
            for shape in layer_shapes(config.hidden_units)
            for product in itertools.islice(_products_of(*shape, config.batch_size), needed)
        ]
        self._costs: list[Cost] = []

    def look(self, threads: int) -> None:
        """Takes SAMPLES of the step with one thread and with `threads`."""
        for limit in (1, threads):
            with threadpool_limits(limit):
                self._costs += [cost_of(self._step) for _ in range(SAMPLES)]

    def best(self) -> Cost:
        """Returns the least of what was seen."""
        return best(self._costs)

    def _step(self) -> None:
        for left, right, product in self._products:
            np.matmul(left, right, out=product)


def layer_shapes(hidden_units: Sequence[int]) -> list[tuple[int, int]]:
    """Returns inputs and outputs of the head's dense layers."""
    return list(itertools.pairwise([FEATURES, *hidden_units, 1]))


def weight_count(hidden_units: Sequence[int]) -> int:
    """Returns the number of weights in the dense kernels; biases and BatchNorm are left out."""
    return sum(inputs * outputs for inputs, outputs in layer_shapes(hidden_units))


def adam_floor(config: TrialConfig, peak: Peak) -> Cost:
    """Returns the least cost of one update by Adam."""
    changing = 0 if config.has_idle_weights else weight_count(config.hidden_units)
    return peak.byte * (7 * FLOAT_BYTES * changing)


def step_floor(config: TrialConfig, peak: Peak) -> Cost:
    """Returns the least cost of a training step."""
    weights = weight_count(config.hidden_units)
    # weights twice, gradients written and read
    products, passes = (2, 1) if config.has_idle_weights else (6, 4)
    arithmetic = peak.flop * (products * weights * config.batch_size)
    traffic = peak.byte * (passes * FLOAT_BYTES * weights)
    needed = Cost(max(arithmetic.wall_s, traffic.wall_s), max(arithmetic.cpu_s, traffic.cpu_s))
    return needed + adam_floor(config, peak)


def validation_floor(weights: int, rows: int, peak: Peak) -> Cost:
    """Returns the least cost of predicting `rows` examples."""
    return peak.flop * (2 * weights * rows)


def _products_of(
    inputs: int, outputs: int, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields a layer's products and where they go: outputs, kernel gradient, input gradient."""
    before, after, kernel = (
        np.ones(shape, np.float32)
        for shape in ((batch_size, inputs), (batch_size, outputs), (inputs, outputs))
    )
    yield before, kernel, np.ones_like(after)
    yield before.T, after, np.ones_like(kernel)
    yield after, kernel.T, np.ones_like(before)
