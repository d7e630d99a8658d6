"""Table of hyperparameters: what each is called, how it is typed, what its rule is, what a change costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from data_prep.errors import InputError

SCHEDULES = ("constant", "cosine", "step", "reduce_on_plateau")
AUGMENTATIONS = ("none", "flip", "crop_flip")
PRECISIONS = ("float32", "bfloat16", "float16")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "lion")
ACTIVATIONS = ("relu", "gelu", "silu")
BATCH = "batch"
NORMALISATIONS = (BATCH, "layer", "none")
CLASS_WEIGHTS = EVEN, BALANCED = "none", "balanced"
BN_STATISTICS = EXACT, MOMENTUM = "exact", "momentum"
ALL_BLOCKS = "all"
POOLINGS = AVERAGE, MAXIMUM, CLASS_TOKEN = "average", "max", "class_token"
MOST_COUNT, MOST_WIDTH, MOST_LAYERS = 10**6, 2**16, 100  # far beyond use, and short of harm
LINEAR = "none"  # as widths: no hidden layer, a linear classifier


@dataclass(frozen=True)
class Range:
    """A range, both ends included; `log` draws evenly in the logarithm, `whole` numbers without fractions."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Kind:
    """Type of values: in words, how a text becomes one, and the word that stands for one in a usage."""

    words: str
    parse: Callable[[str], Any]
    metavar: str
    has_ranges: bool = False


def whole_number(text: str) -> int:
    """Returns a whole number."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"must be a whole number, received {text!r}") from None


def number(text: str) -> float:
    """Returns the number that `text` spells, NaN included, which the rules of a hyperparameter refuse."""
    try:
        return float(text) + 0.0  # -0.0 is 0, else it would be a trial of its own
    except ValueError:
        raise InputError(f"must be a number, received {text!r}") from None


def widths(text: str) -> tuple[int, ...]:
    """Returns the widths of dense blocks, such as 512/256/128, empty for none."""
    if text == LINEAR:
        return ()
    try:
        return tuple(int(width) for width in text.replace(",", "/").split("/"))
    except ValueError:
        raise InputError(
            f"widths are whole numbers such as 512/256/128, or {LINEAR}, received {text!r}"
        ) from None


def blocks(text: str) -> int | str:
    """Returns a number of blocks, or ALL_BLOCKS."""
    return ALL_BLOCKS if text == ALL_BLOCKS else whole_number(text)


def truth(text: str) -> bool:
    """Returns whether `text` says true."""
    if text.lower() not in ("true", "false"):
        raise InputError(f"must be true or false, received {text!r}")
    return text.lower() == "true"


WHOLE = Kind("whole numbers", whole_number, "N", has_ranges=True)
NUMBER = Kind("numbers", number, "NUMBER", has_ranges=True)
WIDTHS = Kind("widths such as 512/256/128", widths, "N/N/N")
SIDE = Kind("whole numbers", whole_number, "PX")  # no range: each value has rows of its own
BLOCKS = Kind(f"whole numbers, or {ALL_BLOCKS},", blocks, "N")
NAME = Kind("names", str, "NAME")
SWITCH = Kind("true and false", truth, "TRUTH")


class Sharing(Enum):
    """Part of a compiled program that a hyperparameter is."""

    NONE = "each value has a program of its own"
    WHERE_SET = "0 has a program of its own, all other values share one"
    ALL = "a number of the program's data, which members of a pack may differ in"


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One hyperparameter: `name` is a field of TrialConfig, `rule` says of its value what `holds` tells.

    `word` is what a user types for it in --stage and --values, empty where no search varies it; `values` are
    tried where nobody gives others; none may be over `most`. `only_with` names another hyperparameter and
    the values of it with which alone this one may differ from its default, `on_images` says the same of
    networks that train on images. `label` is its name for a reader, where that is not `name` itself, `title`
    the heading of its stage.
    """

    name: str
    kind: Kind
    help: str
    rule: str
    holds: Callable[[Any], bool]
    word: str = ""
    option: str = ""
    label: str = ""
    title: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    range: Range | None = None
    most: int | None = None
    sharing: Sharing = Sharing.NONE
    only_with: tuple[str, tuple[Any, ...]] | None = None
    on_images: bool = False

    @property
    def keyword(self) -> str:
        """The name of the option that holds it, with underscores."""
        return self.option or self.name

    def require(self, value: Any) -> None:
        """Raises ValueError, with the rule and the value received, for a value that breaks the rule."""
        if not self.holds(value):
            raise ValueError(f"{self.name} must {self.rule}, received {value!r}")
        numbers = value if isinstance(value, tuple) else (value,)
        if self.most is not None and any(each > self.most for each in numbers):
            raise ValueError(f"{self.name} may be at most {self.most:,}, received {value!r}")
        if len(numbers) > MOST_LAYERS:
            raise ValueError(f"{self.name} may be of at most {MOST_LAYERS} layers, received {len(numbers):,}")


def is_number(value: object) -> bool:
    """Returns whether `value` is a number, NaN and truth values excluded."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def is_count(value: object, least: int = 1) -> bool:
    """Returns whether `value` is a whole number from `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_positive(value: Any) -> bool:
    return is_number(value) and 0 < value < math.inf


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value < 1


def _is_factor(value: Any) -> bool:
    return is_number(value) and 0 <= value < math.inf


def _is_count_or_none(value: Any) -> bool:
    return is_count(value, least=0)


def _are_counts(values: object) -> bool:
    return isinstance(values, tuple) and all(map(is_count, values))


def _named(names: tuple[str, ...]) -> dict[str, Any]:
    rule = f"be one of {', '.join(names)}"
    return {"kind": NAME, "choices": names, "rule": rule, "holds": lambda value: value in names}


_COUNT: Mapping[str, Any] = {
    "rule": "be a whole number of at least 1",
    "holds": is_count,
    "most": MOST_COUNT,
    "kind": WHOLE,
}
_COUNT_OR_NONE: Mapping[str, Any] = {
    "rule": "be a whole number from 0",
    "holds": _is_count_or_none,
    "most": MOST_COUNT,
    "kind": WHOLE,
}
_SHARE: Mapping[str, Any] = {"rule": "lie in [0, 1)", "holds": _is_share, "kind": NUMBER}
_FACTOR: Mapping[str, Any] = {"rule": "be 0 or more", "holds": _is_factor, "kind": NUMBER}

_ROWS = (
    Hyperparameter(
        name="backbone",
        word="backbone",
        title="Backbones",
        kind=NAME,
        help="network below the head",
        rule="be a name",
        holds=lambda value: isinstance(value, str),
    ),
    Hyperparameter(
        name="batch_size",
        word="batch_size",
        title="Batch size",
        help="number of examples per step",
        # of fewer, BatchNorm's means are far from those of all rows
        range=Range(low=8, high=256, log=True, whole=True),
        **_COUNT,
    ),
    Hyperparameter(
        name="learning_rate",
        word="lr",
        title="Learning rate",
        kind=NUMBER,
        metavar="RATE",
        help="learning rate of the optimizer",
        rule="be a positive number",
        holds=_is_positive,
        range=Range(low=1e-5, high=0.1, log=True),
        sharing=Sharing.ALL,
    ),
    Hyperparameter(
        name="hidden_units",
        word="neurons",
        title="Hidden units of the dense layers",
        kind=WIDTHS,
        help=f"widths of the dense blocks, or {LINEAR} for a linear classifier",
        rule="be whole numbers of at least 1",
        holds=_are_counts,
        most=MOST_WIDTH,
    ),
    Hyperparameter(
        name="dropout",
        word="dropout",
        title="Dropout at each dense layer",
        metavar="RATE",
        help="dropout rate after each dense block",
        range=Range(low=0.0, high=0.5),
        sharing=Sharing.ALL,  # a rate of 0 returns its input to the bit
        **_SHARE,
    ),
    Hyperparameter(
        name="l2",
        word="l2",
        label="L2",
        title="L2 regularisation",
        metavar="FACTOR",
        help="factor of the squared dense kernels in the loss",
        range=Range(low=1e-6, high=1e-2, log=True),
        sharing=Sharing.WHERE_SET,
        **_FACTOR,
    ),
    Hyperparameter(
        name="learning_rate_schedule",
        word="schedule",
        option="schedule",
        label="schedule",
        title="Learning-rate schedule",
        help=f"schedule of the learning rate: {', '.join(SCHEDULES)}",
        sharing=Sharing.ALL,
        **_named(SCHEDULES),
    ),
    Hyperparameter(
        name="optimizer",
        word="optimizer",
        title="Optimizer",
        help=f"optimizer: {', '.join(OPTIMIZERS)}; adamw is adam, both take --weight-decay",
        values=("adam", "sgd", "rmsprop", "lion"),  # adamw is adam, and would be trained once more
        **_named(OPTIMIZERS),
    ),
    Hyperparameter(
        name="momentum",
        word="momentum",
        title="Momentum of SGD",
        metavar="SHARE",
        help="momentum of sgd",
        values=(0.0, 0.5, 0.9, 0.99),
        range=Range(low=0.0, high=0.99),
        sharing=Sharing.ALL,
        only_with=("optimizer", ("sgd",)),
        **_SHARE,
    ),
    Hyperparameter(
        name="nesterov",
        word="nesterov",
        label="Nesterov momentum",
        title="Nesterov momentum of SGD",
        kind=SWITCH,
        help="whether the momentum of sgd is Nesterov's",
        rule="be true or false",
        holds=lambda value: isinstance(value, bool),
        values=(False, True),
        only_with=("optimizer", ("sgd",)),
    ),
    Hyperparameter(
        name="weight_decay",
        word="weight_decay",
        title="Weight decay",
        metavar="FACTOR",
        help="share of the kernels, times the learning rate, that each step takes away (decoupled)",
        values=(0.0, 1e-4, 1e-3, 1e-2, 1e-1),
        range=Range(low=1e-5, high=0.1, log=True),
        sharing=Sharing.ALL,
        **_FACTOR,
    ),
    Hyperparameter(
        name="clip_norm",
        word="clip_norm",
        title="Gradient clipping",
        metavar="NORM",
        help="largest norm of all gradients together; 0: no clipping",
        values=(0.0, 0.1, 1.0, 10.0),
        range=Range(low=0.1, high=10.0, log=True),
        sharing=Sharing.ALL,
        **_FACTOR,
    ),
    Hyperparameter(
        name="warmup_epochs",
        word="warmup",
        option="warmup",
        label="warm-up epochs",
        title="Warm-up of the learning rate",
        help="number of epochs in which the learning rate rises to its value",
        values=(0, 1, 3),
        range=Range(low=0, high=5, whole=True),
        sharing=Sharing.ALL,
        **_COUNT_OR_NONE,
    ),
    Hyperparameter(
        name="label_smoothing",
        word="label_smoothing",
        title="Label smoothing",
        metavar="SHARE",
        help="share of each label that is spread over all classes",
        values=(0.0, 0.05, 0.1, 0.2),
        range=Range(low=0.0, high=0.2),
        sharing=Sharing.ALL,
        **_SHARE,
    ),
    Hyperparameter(
        name="class_weight",
        word="class_weight",
        title="Weight of the classes",
        help="weight of a training image: balanced (all classes weigh the same) or none (all images do)",
        values=CLASS_WEIGHTS,
        sharing=Sharing.ALL,
        **_named(CLASS_WEIGHTS),
    ),
    Hyperparameter(
        name="activation",
        word="activation",
        title="Activation of the dense layers",
        help=f"activation of the dense blocks: {', '.join(ACTIVATIONS)}",
        values=ACTIVATIONS,
        **_named(ACTIVATIONS),
    ),
    Hyperparameter(
        name="normalisation",
        word="normalisation",
        title="Normalisation in the head",
        help=f"normalisation in the head of a frozen backbone: {', '.join(NORMALISATIONS)}",
        values=NORMALISATIONS,
        **_named(NORMALISATIONS),
    ),
    Hyperparameter(
        name="bn_statistics",
        word="bn_statistics",
        label="BatchNorm statistics",
        title="BatchNorm's statistics at inference",
        help="what the head's BatchNorm layers normalise with at inference: exact, computed over training "
        "rows after each epoch, or momentum, running averages",
        values=BN_STATISTICS,
        only_with=("normalisation", ("batch",)),
        **_named(BN_STATISTICS),
    ),
    Hyperparameter(
        name="bn_momentum",
        word="bn_momentum",
        label="BatchNorm momentum",
        title="Momentum of BatchNorm's averages",
        metavar="SHARE",
        help="share of their value that running averages keep at each step",
        values=(0.9, 0.99),
        only_with=("bn_statistics", (MOMENTUM,)),
        **_SHARE,
    ),
    Hyperparameter(
        name="input_px",
        word="input_px",
        label="input size",
        title="Side of the images that the backbone reads",
        help="side in pixels of the images that the backbone reads; 0: its own",
        values=(0, 96, 128, 160, 192),
        **{**_COUNT_OR_NONE, "kind": SIDE},
    ),
    Hyperparameter(
        name="pooling",
        word="pooling",
        title="Pooling of the backbone's features",
        help=f"pooling of a frozen backbone's features: {', '.join(POOLINGS)}, which some have",
        values=(AVERAGE, MAXIMUM),
        **_named(POOLINGS),
    ),
    Hyperparameter(
        name="head",
        word="head",
        option="head_function",  # --head names the file as well
        title="Heads of one's own",
        kind=NAME,
        help="function of the file that --head names, with its values: build?rank=8",
        rule="be the name of a function, such as build or build?rank=8",
        holds=lambda value: isinstance(value, str),
    ),
    Hyperparameter(
        name="head_source",
        kind=NAME,
        help="digest of the file that --head names",
        rule="be a digest",
        holds=lambda value: isinstance(value, str),
    ),
    Hyperparameter(name="epochs", help="number of epochs per trial", **_COUNT),
    Hyperparameter(
        name="patience",
        metavar="EPOCHS",
        help="number of epochs without a better validation accuracy after which a trial ends; 0: all epochs",
        sharing=Sharing.ALL,
        **_COUNT_OR_NONE,
    ),
    Hyperparameter(
        name="seed",
        kind=WHOLE,
        help="seed of the first repeat; the split's seed is always the report's 7",
        rule="be a whole number from 0",
        holds=lambda value: is_count(value, least=0) and value < 2**31,
        sharing=Sharing.ALL,
    ),
    Hyperparameter(
        name="augment",
        word="augmentation",
        label="augmentation",
        title="Augmentation of training images",
        help="augmentation of training images",
        values=AUGMENTATIONS,
        on_images=True,
        **_named(AUGMENTATIONS),
    ),
    Hyperparameter(
        name="mixup",
        word="mixup",
        title="Mixup of training images",
        metavar="ALPHA",
        help="alpha of mixup, by which pairs of training images and their labels are mixed; 0 mixes none",
        values=(0.0, 0.1, 0.2, 0.4),
        range=Range(low=0.05, high=1.0, log=True),
        sharing=Sharing.WHERE_SET,
        on_images=True,
        **_FACTOR,
    ),
    Hyperparameter(
        name="precision",
        help="precision of the arithmetic; weights stay float32; float16 needs a GPU",
        **_named(PRECISIONS),
    ),
    Hyperparameter(
        name="unfrozen_blocks",
        word="blocks",
        title="Unfrozen blocks of the backbone",
        values=(0, 1, 2),
        kind=BLOCKS,
        help="number of a pretrained backbone's last blocks that are trained, or all",
        rule=f"be a whole number from 0 or {ALL_BLOCKS}",
        holds=lambda value: value == ALL_BLOCKS or is_count(value, least=0),
    ),
    Hyperparameter(
        name="train_batchnorm",
        kind=SWITCH,
        help="training of the BatchNorm layers in unfrozen blocks",
        rule="be true or false",
        holds=lambda value: isinstance(value, bool),
    ),
)

HYPERPARAMETERS: Mapping[str, Hyperparameter] = {row.name: row for row in _ROWS}
"""The hyperparameters by their names in TrialConfig."""

BY_WORD: Mapping[str, Hyperparameter] = {row.word: row for row in _ROWS if row.word}
"""The hyperparameters that a search may vary, by what a user types."""
