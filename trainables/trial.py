"""The values of a trial: its configuration, what it reported, how it ended, and the key that names it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Annotated, Any

from data_prep.digests import digest_of_values
from data_prep.storage.json_files import Format
from data_prep.storage.schema import Finite, Number, Seconds, Share, Within, require_schema
from trainables.hyperparameters import AVERAGE, BATCH, HYPERPARAMETERS, MOMENTUM, NUMBER, Hyperparameter

TRIAL_FORMAT = Format(1, sealed_from=1, oldest=0)  # of trials/<key>.json
LAST, BEST = "last.npz", "best.npz"  # the files of weights that outlast a trial: of the last, the best epoch
IMAGE_NETWORK = "hassner"  # the network that is trained on images from its first layer on
MEMBER = "population"  # what a member of one starts from: no trial of the ledger has its key
OWN_NETWORK = "own"  # the backbone of a network of the user's own, which its head is the whole of
_TRAINED_WHOLE = (IMAGE_NETWORK, OWN_NETWORK)
IDLE_STEP = 0.1  # of a step that changes all weights, measured on two cores
# what a head of the user's own decides by itself
OF_OUR_HEADS = (
    *("hidden_units", "dropout", "l2", "activation", "normalisation", "bn_statistics", "bn_momentum"),
)
# what every configuration says; the others came later, and trials without them keep their keys
ALWAYS_SAID = (
    *("backbone", "batch_size", "learning_rate", "hidden_units", "dropout", "l2", "learning_rate_schedule"),
    *("epochs", "seed"),
)


class TrialStatus(StrEnum):
    """The end of a trial."""

    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"  # by a scheduler, before its last epoch
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Hyperparameters of one training run: everything that a user or a search may set about it.

    `trainables.hyperparameters` says what each of them is, and which values it takes. The defaults are the
    report's values from the learning-rate stage on (`REPORT`: batch 32, 1024/512/256, 20 epochs, seed 7).
    `augment` to `train_batchnorm` and `mixup` are for networks that train on images. `head` is a function of
    the user's own file, whose digest is `head_source`; empty for the usual head (`trainables.own_code`).

    `bn_statistics` are those of the head's BatchNorm layers at inference: EXACT, computed over training
    rows after each epoch (`trainables.training.inference_pass`), or MOMENTUM, Keras' running averages,
    which keep `bn_momentum` of themselves a step; the report's are the latter, with 0.99.

    Raises ValueError, naming the rule and the value received, where a value is out of range, or differs from
    its default without the value of another that it belongs to.
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
    optimizer: str = "adam"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    warmup_epochs: int = 0
    label_smoothing: float = 0.0
    activation: str = "relu"
    normalisation: str = "batch"
    patience: int = 0
    input_px: int = 0
    pooling: str = AVERAGE
    class_weight: str = "none"
    mixup: float = 0.0
    head: str = ""
    head_source: str = ""

    def __post_init__(self) -> None:
        # JSON has lists only; a tuple can be hashed, as the groups of packs and the compiled programs need it
        object.__setattr__(self, "hidden_units", _tuple_of_list(self.hidden_units))
        # defaults keep every rule: a grid of thousands is planned in the time that asking them would take
        # by identity, which is quick; an equal value in another object is merely asked
        others = [
            row for row in HYPERPARAMETERS.values() if getattr(self, row.name) is not _DEFAULTS[row.name]
        ]
        for row in others:
            row.require(getattr(self, row.name))
            if row.kind is NUMBER:  # 0 and 0.0 are one configuration, with one key
                object.__setattr__(self, row.name, float(getattr(self, row.name)))
        for row in others:
            if not self.is_used(row.name) and getattr(self, row.name) != _DEFAULTS[row.name]:
                raise ValueError(self._misplaced(row))
        if self.head and self.backbone == IMAGE_NETWORK:
            raise ValueError(f"a head of one's own stands on a frozen backbone, {IMAGE_NETWORK} has its own")
        if self.backbone == IMAGE_NETWORK and self.normalisation != TrialConfig.normalisation:
            raise ValueError(
                f"normalisation is of heads on a frozen backbone, {IMAGE_NETWORK} has none; leave it out"
            )

    @property
    def trains_on_images(self) -> bool:
        """Whether a part of it below the head is trained, so that features are of no use."""
        return _trains_on_images(vars(self))

    @property
    def normalises_single_examples(self) -> bool:
        """Whether batch normalisation sees one example at a time: its head trains on what is always the same.

        No weight below its last normalisation gets a gradient, so none of them changes, but for weight decay
        and L2.
        """
        has_our_head = not self.head and self.backbone != IMAGE_NETWORK
        return has_our_head and self.batch_size == 1 and self.normalisation == BATCH

    @property
    def has_idle_weights(self) -> bool:
        """Whether all below the last normalisation of its head on features stays, and need not be trained.

        Its gradients have their place in a norm that clips, whose sum another order of so many would round.
        """
        needed = self.l2 or self.weight_decay or self.clip_norm or self.trains_on_images
        return self.normalises_single_examples and not needed

    @property
    def step_cost(self) -> float:
        """What a step takes, as a share of what one of that network takes which changes all weights."""
        return IDLE_STEP if self.has_idle_weights else 1.0

    def backend_among(self, keras_backend: str, image_backend: str) -> str:
        """Returns the Keras backend that trains it: the second, where there is one, trains on images."""
        return (self.trains_on_images and image_backend) or keras_backend

    def is_used(self, name: str) -> bool:
        """Returns whether the hyperparameter changes anything: momentum does with sgd only."""
        return _is_used(name, vars(self))

    def with_used(self, **values: Any) -> TrialConfig:
        """Returns this configuration with `values`; what does nothing beside them has its default.

        Raises ValueError as a new configuration does.
        """
        wanted = {**vars(self), **values}
        for name, default in _DEFAULTS.items():
            if wanted.get(name, default) is not default and not _is_used(name, wanted):
                wanted[name] = default
        return type(self)(**wanted)

    def is_over(self, finished: Sequence[EpochMetrics]) -> bool:
        """Returns whether training ends after the epochs that have `finished`.

        It does after the last one, and after `patience` epochs without a better validation accuracy.
        """
        waited = len(finished) - (best_epoch(finished) or 0)
        return len(finished) >= self.epochs or 0 < self.patience <= waited

    def _misplaced(self, row: Hyperparameter) -> str:
        if self.head and row.name in OF_OUR_HEADS:
            return f"{row.name} is of the usual head, received {self.head}; leave out {row.name}"
        if row.on_images:
            return (
                f"{row.name} {getattr(self, row.name)} is of networks that train on images, received "
                f"{self.backbone} with frozen blocks; leave out {row.name}, or unfreeze some"
            )
        if row.name == "unfrozen_blocks":
            return (
                f"unfrozen_blocks is of pretrained backbones, {self.backbone} is trained whole; leave it out"
            )
        other, values = row.only_with or ("", ())
        return (
            f"{row.name} {getattr(self, row.name)} goes with {other} {' or '.join(map(str, values))} only, "
            f"received {other} {getattr(self, other)}; leave out {row.name}, or change {other}"
        )

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
        """Returns the configuration as JSON values; beside ALWAYS_SAID what differs from its default."""
        # asdict would copy every value, which takes most of the time that thousands of trials are read in
        return {
            name: list(value) if name == "hidden_units" else value
            for name, value in vars(self).items()
            if name in ALWAYS_SAID or value != _DEFAULTS[name]
        }


_DEFAULTS = {item.name: item.default for item in fields(TrialConfig)}


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
        facts = {item.name: getattr(self, item.name) for item in fields(self)}
        facts["config"] = self.config.to_dict()
        if not self.start:  # trials of before there were any keep their keys
            del facts["start"]
        return digest_of_values(facts, 16)


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Figures of one epoch; `epoch` counts from 1, `seconds` is the epoch's own wall time.

    `accuracy` is that of training, on each batch before its step. `train_accuracy_at_inference` is that of
    the network as it is used, on training rows after the epoch. `val_one_class` says whether all validation
    rows got one class. Both are None where a version recorded the epoch that did not know them. The last four
    are there where an objective asks for them (`trainables.objective`).
    """

    epoch: Number
    loss: Finite
    accuracy: Share
    val_loss: Finite
    val_accuracy: Share
    learning_rate: Annotated[float, Within(0)]
    seconds: Seconds
    train_accuracy_at_inference: Share | None = None
    val_one_class: bool | None = None
    balanced_accuracy: Share | None = None
    f1: Share | None = None
    auc: Share | None = None
    log_loss: Finite | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as JSON values, without those that no objective asked for."""
        values = asdict(self)
        return {name: value for name, value in values.items() if value is not None or name not in _ASKED_FOR}


_ASKED_FOR = ("balanced_accuracy", "f1", "auc", "log_loss")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of the epochs of a trial, of which there is at least one; `count` says how many.

    `best_epoch` is the first (from 1) with the highest validation accuracy; `one_class_epochs` counts those
    that gave one class to all validation rows, None where that is not known.
    """

    count: Number
    mean_val_accuracy: Share
    best_val_accuracy: Share
    best_epoch: Number
    one_class_epochs: int | None
    last: EpochMetrics

    @classmethod
    def of(cls, epochs: Sequence[EpochMetrics]) -> Figures | None:
        """Returns the figures of `epochs`, None without one."""
        if not epochs:
            return None
        accuracies = [epoch.val_accuracy for epoch in epochs]
        seen = [epoch.val_one_class for epoch in epochs]
        return cls(
            count=len(epochs),
            mean_val_accuracy=math.fsum(accuracies) / len(accuracies),
            best_val_accuracy=max(accuracies),
            best_epoch=_best_epoch(epochs),
            one_class_epochs=None if None in seen else seen.count(True),
            last=epochs[-1],
        )


def best_epoch(epochs: Sequence[EpochMetrics]) -> int | None:
    """Returns the first epoch (from 1) with the highest validation accuracy, None without an epoch."""
    return _best_epoch(epochs) if epochs else None


def _best_epoch(epochs: Sequence[EpochMetrics]) -> int:
    return max(epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.epoch)).epoch


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial's end, as it stands in the ledger; `seconds` is its wall time, `reason` says why it FAILED."""

    trial: Trial
    status: TrialStatus
    epochs: tuple[EpochMetrics, ...]
    seconds: Seconds
    reason: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)  # versions and node, for the reader
    predictions_digest: str = field(default="", compare=False)  # of their file, "" where there is none

    @functools.cached_property
    def figures(self) -> Figures | None:
        """The figures of the epochs, None without one. An index has them without the epochs."""
        return Figures.of(self.epochs)

    @property
    def mean_val_accuracy(self) -> float:
        """The report's objective: the epochs' mean validation accuracy, NaN without an epoch."""
        return self.figures.mean_val_accuracy if self.figures else math.nan

    @property
    def best_epoch(self) -> int | None:
        """The first epoch (from 1) with the highest validation accuracy, None without an epoch."""
        return self.figures.best_epoch if self.figures else None

    @property
    def best_val_accuracy(self) -> float:
        """The highest validation accuracy of an epoch, NaN without an epoch."""
        return self.figures.best_val_accuracy if self.figures else math.nan

    @property
    def train_accuracy_at_inference(self) -> float | None:
        """The last epoch's training accuracy of the network as it is used, None where it is not known."""
        return self.figures.last.train_accuracy_at_inference if self.figures else None

    @property
    def one_class_epochs(self) -> int | None:
        """The number of epochs that gave one class to all validation rows, None where that is not known."""
        return self.figures.one_class_epochs if self.figures else 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values; `from_dict` reads them back."""
        return {
            "format": TRIAL_FORMAT.number,
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
            **({"predictions_digest": self.predictions_digest} if self.predictions_digest else {}),
            "epochs": [epoch.to_dict() for epoch in self.epochs],
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
        result = cls(
            trial=trial,
            status=TrialStatus(values["status"]),
            reason=values["reason"],
            seconds=values["seconds"],
            made_by=values["made_by"],
            predictions_digest=values.get("predictions_digest", ""),
            epochs=tuple(EpochMetrics(**epoch) for epoch in values["epochs"]),
        )
        require_schema(result)
        return result


def _is_used(name: str, values: Mapping[str, Any]) -> bool:
    if values["head"] and name in OF_OUR_HEADS:
        return False
    if name == "unfrozen_blocks":
        return values["backbone"] not in _TRAINED_WHOLE
    if HYPERPARAMETERS[name].on_images and not _trains_on_images(values):
        return False
    other, needed = HYPERPARAMETERS[name].only_with or ("", ())
    # bn_momentum hangs on bn_statistics, which hangs on normalisation
    return not other or (values[other] in needed and _is_used(other, values))


def _trains_on_images(values: Mapping[str, Any]) -> bool:
    return values["backbone"] in _TRAINED_WHOLE or values["unfrozen_blocks"] != 0


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
