"""The values of a trial: its configuration, what it reported, how it ended, and the key that names it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from data_prep.digests import digest_of_values

SCHEDULES = ("constant", "cosine", "step", "reduce_on_plateau")
AUGMENTATIONS = ("none", "flip", "crop_flip")
PRECISIONS = ("float32", "bfloat16", "float16")
BN_STATISTICS = EXACT, MOMENTUM = "exact", "momentum"
ALL_BLOCKS = "all"
LAST, BEST = "last.npz", "best.npz"  # the files of weights that outlast a trial: of the last, the best epoch
MEMBER = "population"  # what a member of one starts from: no trial of the ledger has its key
ON_IMAGES = ("augment", "precision", "unfrozen_blocks", "train_batchnorm")  # hyperparameters without features
# these came later: trials that have the defaults of them keep the keys that ledgers have for them
_UNSPELLED_DEFAULTS = (*ON_IMAGES, "bn_statistics", "bn_momentum")


class TrialStatus(StrEnum):
    """The end of a trial."""

    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"  # by a scheduler, before its last epoch
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Hyperparameters of one training run: everything that a user or a search may set about it.

    `learning_rate` is Adam's; `hidden_units` are the widths of the dense blocks in order; `dropout` is
    the rate after each of them; `l2` multiplies the squared dense kernels; `seed` determines the initial
    weights, the order of the examples and the dropout masks. The defaults are the report's values from
    the learning-rate stage on (`REPORT`: batch 32, 1024/512/256, 20 epochs, seed 7).

    `bn_statistics` are those of the head's BatchNorm layers at inference: EXACT, computed over training
    rows after each epoch (`trainables.training.inference_pass`), or MOMENTUM, Keras' running averages,
    which keep `bn_momentum` of themselves a step; the report's are the latter, with 0.99.

    ON_IMAGES are for networks that train on images. `unfrozen_blocks`: how many of a pretrained
    backbone's last blocks are trained, or "all"; `train_batchnorm`: whether their BatchNorm is, too;
    `precision`: of the arithmetic, weights stay float32.

    Raises ValueError, naming the rule and the value received, where a value is out of range.
    """

    backbone: str = "resnet50_v2"
    batch_size: int = 32
    learning_rate: float = 1e-3
    hidden_units: tuple[int, ...] = (1024, 512, 256)
    dropout: float = 0.0
    l2: float = 0.0
    learning_rate_schedule: str = "constant"
    epochs: int = 20
    seed: int = 7
    bn_statistics: str = MOMENTUM
    bn_momentum: float = 0.99
    augment: str = "none"
    precision: str = "float32"
    unfrozen_blocks: int | str = 0
    train_batchnorm: bool = False

    def __post_init__(self) -> None:
        # JSON has lists only; a tuple can be hashed, as the groups of packs and the compiled programs need it
        object.__setattr__(self, "hidden_units", _tuple_of_list(self.hidden_units))
        for name, (holds, rule) in self._rules().items():
            if not holds:
                raise ValueError(f"{name} must {rule}, received {getattr(self, name)!r}")
        for name in (
            "learning_rate",
            "dropout",
            "l2",
            "bn_momentum",
        ):  # 0 and 0.0 are one configuration, with one key
            object.__setattr__(self, name, float(getattr(self, name)))

    def _rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each value whether its rule holds, and the rule."""
        seed, blocks = self.seed, self.unfrozen_blocks
        return {
            "backbone": (isinstance(self.backbone, str), "be a name"),
            "batch_size": (_is_count(self.batch_size), "be a whole number of at least 1"),
            "epochs": (_is_count(self.epochs), "be a whole number of at least 1"),
            "learning_rate": (_is_positive(self.learning_rate), "be a positive number"),
            "hidden_units": (_are_counts(self.hidden_units), "be one or more whole numbers of at least 1"),
            "dropout": (_is_number(self.dropout) and 0 <= self.dropout < 1, "lie in [0, 1)"),
            "l2": (_is_number(self.l2) and 0 <= self.l2 < math.inf, "be 0 or more"),
            "learning_rate_schedule": _one_of(SCHEDULES, self.learning_rate_schedule),
            "seed": (_is_count(seed, least=0) and seed < 2**31, "be a whole number from 0"),
            "bn_statistics": _one_of(BN_STATISTICS, self.bn_statistics),
            "bn_momentum": self._momentum_rule(),
            "augment": _one_of(AUGMENTATIONS, self.augment),
            "precision": _one_of(PRECISIONS, self.precision),
            "unfrozen_blocks": (
                blocks == ALL_BLOCKS or _is_count(blocks, least=0),
                f"be a whole number from 0 or {ALL_BLOCKS}",
            ),
            "train_batchnorm": (isinstance(self.train_batchnorm, bool), "be true or false"),
        }

    def _momentum_rule(self) -> tuple[bool, str]:
        momentum, unread = self.bn_momentum, TrialConfig.bn_momentum
        if self.bn_statistics == EXACT:  # one configuration must not have two keys
            return momentum == unread, f"be left at {unread} where bn_statistics is {EXACT}, which reads none"
        return _is_number(momentum) and 0 <= momentum < 1, "lie in [0, 1)"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialConfig:
        """Returns the configuration that `values` spells; raises ValueError for unknown keys."""
        known = [item.name for item in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown hyperparameter {', '.join(unknown)}; the known ones are {', '.join(known)}"
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON values; what came later only where it is not the default."""
        values = {**asdict(self), "hidden_units": list(self.hidden_units)}
        unset = {
            item.name
            for item in fields(self)
            if item.name in _UNSPELLED_DEFAULTS and values[item.name] == item.default
        }
        return {name: value for name, value in values.items() if name not in unset}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration on one split of one data set: what a ledger entry is the result of.

    `weights` is the identity of the backbone's weights (`none`, `imagenet`, or `file:<sha256>`), `split`
    the name of a split of `data_prep.splits` (`random`, `subject`, `fold-0`, …). `start` is the key of the
    trial whose last weights are the first of this one, MEMBER where values and weights change within a
    population; empty where the configuration's seed draws them.
    """

    config: TrialConfig
    data_digest: str
    split: str
    weights: str
    keras_backend: str
    start: str = ""

    @functools.cached_property
    def key(self) -> str:
        """16 hexadecimal digits that name the trial: equal for trials that must give equal results."""
        facts = {**asdict(self), "config": self.config.to_dict()}
        if not self.start:
            del facts["start"]
        return digest_of_values(facts, 16)


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Figures of one epoch; `epoch` counts from 1, `seconds` is the epoch's own wall time.

    `accuracy` is that of training, on each batch before its step. `train_accuracy_at_inference` is that of
    the network as it is used, on training rows after the epoch. `val_one_class` says whether all validation
    rows got one class. Both are None where a version recorded the epoch that did not know them.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float
    train_accuracy_at_inference: float | None = None
    val_one_class: bool | None = None


def best_epoch(epochs: Sequence[EpochMetrics]) -> int | None:
    """Returns the first epoch (from 1) with the highest validation accuracy, None without an epoch."""
    if not epochs:
        return None
    return max(epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.epoch)).epoch


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial's end, as it stands in the ledger; `seconds` is its wall time, `reason` says why it FAILED."""

    trial: Trial
    status: TrialStatus
    epochs: tuple[EpochMetrics, ...]
    seconds: float
    reason: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)  # versions and node, for the reader

    @property
    def mean_val_accuracy(self) -> float:
        """The report's objective: the epochs' mean validation accuracy, NaN without an epoch."""
        if not self.epochs:
            return math.nan
        return math.fsum(epoch.val_accuracy for epoch in self.epochs) / len(self.epochs)

    @property
    def best_epoch(self) -> int | None:
        """The first epoch (from 1) with the highest validation accuracy, None without an epoch."""
        return best_epoch(self.epochs)

    @property
    def best_val_accuracy(self) -> float:
        """The highest validation accuracy of an epoch, NaN without an epoch."""
        return max((epoch.val_accuracy for epoch in self.epochs), default=math.nan)

    @property
    def train_accuracy_at_inference(self) -> float | None:
        """The last epoch's training accuracy of the network as it is used, None where it is not known."""
        return self.epochs[-1].train_accuracy_at_inference if self.epochs else None

    @property
    def one_class_epochs(self) -> int | None:
        """The number of epochs that gave one class to all validation rows, None where that is not known."""
        seen = [epoch.val_one_class for epoch in self.epochs]
        return None if None in seen else seen.count(True)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values; `from_dict` reads them back."""
        return {
            "key": self.trial.key,
            "config": self.trial.config.to_dict(),
            "data_digest": self.trial.data_digest,
            "split": self.trial.split,
            "weights": self.trial.weights,
            "keras_backend": self.trial.keras_backend,
            **({"start": self.trial.start} if self.trial.start else {}),
            "status": self.status.value,
            "reason": self.reason,
            "seconds": self.seconds,
            "made_by": dict(self.made_by),
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialResult:
        """Returns the result that `to_dict` wrote; raises ValueError, KeyError or TypeError otherwise."""
        trial = Trial(
            config=TrialConfig.from_dict(values["config"]),
            data_digest=values["data_digest"],
            split=values["split"],
            weights=values["weights"],
            keras_backend=values["keras_backend"],
            start=values.get("start", ""),
        )
        if trial.key != values["key"]:
            raise ValueError(f"the key {values['key']} is not that of the configuration ({trial.key})")
        return cls(
            trial=trial,
            status=TrialStatus(values["status"]),
            reason=values["reason"],
            seconds=values["seconds"],
            made_by=values["made_by"],
            epochs=tuple(EpochMetrics(**epoch) for epoch in values["epochs"]),
        )


def _one_of(known: Sequence[str], value: str) -> tuple[bool, str]:
    return value in known, f"be one of {', '.join(known)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and 0 < value < math.inf  # type: ignore[operator]


def _is_count(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_counts(values: object) -> bool:
    return isinstance(values, tuple) and len(values) > 0 and all(map(_is_count, values))


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
