"""Groups of options that say how a search runs and where it leads: model, study, callbacks, machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from data_prep.storage.remote import located
from search.options.option import OptionGroup, option
from search.options.types import (
    STORAGE,
    WANDB_AUTO,
    WANDB_MODES,
    WANDB_PROJECT,
    Blocks,
    at_least,
    depths,
    gpus,
    local_folder,
    rate,
    ray_address,
    seconds,
    show_depths,
    show_seconds,
    study_name,
    tracking_address,
)
from search.space.stages import FINETUNE
from trainables.backends import AUTO, KERAS_BACKENDS
from trainables.hyperparameters import AUGMENTATIONS, HYPERPARAMETERS, PRECISIONS, number
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

HEAD, BEST = "head", "best"
# at the winner's own rate blocks would lose what they have learnt
BLOCKS_FACTOR = 0.1  # of the winner's learning rate, for blocks that are unfrozen
_DEFAULTS = TrialConfig()


@dataclass(frozen=True, kw_only=True)
class FinalModelOptions(OptionGroup):
    """The way from a winner to the final model; `finetune` holds depths, 0 for the head alone."""

    title: ClassVar[str] = "final model"

    celeba: Path | None = option(
        None,
        "manifest of images to pretrain the winner on, as python -m data_prep.build celeba writes it, or "
        f"sample (drawn faces); used by --stage {FINETUNE}, and after --stage all and --mode joint",
        parse=located,
        metavar="MANIFEST",
    )
    celeba_root: Path | None = option(
        None, "folder of those images, where they have moved", parse=located, metavar="DIR"
    )
    finetune: tuple[Blocks, ...] | None = option(
        None,
        "what is trained: head (on cached features), blocks:N (then also the last N blocks of the backbone, "
        "on images), all (then also the whole backbone), or several of these, separated by commas",
        parse=depths,
        show=show_depths,
        metavar="DEPTHS",
        default_text="head",
    )
    finetune_rate: float | None = option(
        None,
        "learning rate of Adam for unfrozen blocks",
        parse=rate,
        metavar="RATE",
        default_text=f"{BLOCKS_FACTOR:g} of the winner's",
    )
    pretraining_epochs: int | None = option(
        None,
        "number of epochs of the pretraining",
        parse=at_least(1),
        metavar="N",
        default_text="as many as a trial has",
    )

    final_model: str | None = option(
        None,
        "what may become the final model: the searched head, or best: the linear classifier on the same "
        "features if the head is not better than it",
        choices=(HEAD, BEST),
        default_text=HEAD,
    )

    @property
    def blocks(self) -> tuple[Blocks, ...]:
        """The depths that unfreeze blocks."""
        return tuple(depth for depth in self.finetune or () if depth)


@dataclass(frozen=True, kw_only=True)
class ImageOptions(OptionGroup):
    """Training of a network that reads images, as fields of TrialConfig; None where nothing was asked."""

    title: ClassVar[str] = "training on images"

    augment: str | None = option(
        None, "augmentation of training images", choices=AUGMENTATIONS, default_text=_DEFAULTS.augment
    )
    mixup: float | None = option(
        None,
        HYPERPARAMETERS["mixup"].help,
        parse=number,
        metavar="ALPHA",
        default_text=f"{_DEFAULTS.mixup:g}",
    )
    precision: str | None = option(
        None,
        "precision of the arithmetic; weights stay float32; float16 needs a GPU",
        choices=PRECISIONS,
        default_text=_DEFAULTS.precision,
    )
    train_batchnorm: bool | None = option(
        None,
        "training of the BatchNorm layers in unfrozen blocks",
        is_switch=True,
        default_text="they stay as in inference",
    )


@dataclass(frozen=True, kw_only=True)
class StudyOptions(OptionGroup):
    """Place of the study; `name` None is the manifest's name."""

    title: ClassVar[str] = "study"

    name: str | None = option(
        None,
        "name of the study's folder below the storage",
        name="study",
        parse=study_name,
        metavar="NAME",
        default_text="the manifest's name",
    )
    storage: Path = option(
        STORAGE,
        "folder of the studies, or an address such as s3://bucket/results",
        parse=located,
        metavar="DIR",
    )
    join: bool = option(
        False,
        "share the work where another driver runs this study, on this machine or another; else run it",
    )
    wait_for_storage_s: float | None = option(
        None,
        "how long the search pauses when the storage is full or gone, before it ends",
        name="wait-for-storage",
        parse=seconds,
        show=show_seconds,
        metavar="TIME",
        default_text="it ends at once",
    )
    cache: Path = option(Path("cache"), "folder of the feature cache", parse=located, metavar="DIR")
    dry_run: bool = option(False, "list the trials that would run, without running them")
    print_study_file: bool = option(False, "print a study file with these options, instead of running them")
    json: bool = option(False, "one JSON object on standard output, instead of text")


@dataclass(frozen=True, kw_only=True)
class CallbackOptions(OptionGroup):
    """Callbacks of a search: what a terminal says, TensorBoard, Weights & Biases, MLflow."""

    title: ClassVar[str] = "callbacks"

    quiet: bool = option(False, "results, warnings and errors only")
    verbose: bool = option(
        False, "output of Ray and the workers, versions of libraries, and names of written files"
    )
    tensorboard: bool = option(True, "TensorBoard files in STUDY/tensorboard", default_text="yes")
    wandb: str = option(
        WANDB_AUTO,
        "logging to Weights & Biases; offline: kept in the study for wandb sync",
        choices=WANDB_MODES,
        default_text="auto, online where a key is configured",
    )
    wandb_project: str = option(WANDB_PROJECT, "project in Weights & Biases", metavar="NAME")
    wandb_entity: str | None = option(
        None, "user or team in Weights & Biases", metavar="NAME", default_text="the key's own"
    )
    mlflow: str | None = option(
        None,
        "address of an MLflow server, such as http://localhost:5000, to log each trial to",
        parse=tracking_address,
        metavar="URI",
        default_text="none",
    )


@dataclass(frozen=True, kw_only=True)
class MachineOptions(OptionGroup):
    """Machines that trials run on, and what each trial gets; `address` None starts Ray on this machine.

    `pack` heads of one shape are trained as one program; None packs where a GPU and JAX make it faster.
    """

    title: ClassVar[str] = "machine"

    keras_backend: str = option(
        AUTO,
        "backend of Keras; auto: that of the study, or the variable KERAS_BACKEND, else jax where it is "
        "installed, and on images the faster one, which is measured once where that pays",
        choices=(AUTO, *KERAS_BACKENDS),
    )
    address: str | None = option(
        None,
        "address of a running Ray cluster, or auto",
        parse=ray_address,
        metavar="ADDRESS",
        default_text="start Ray on this machine",
    )
    local_cache: Path | None = option(
        None,
        "folder on each node's own disk, to which it copies the features that it trains on",
        parse=local_folder,
        metavar="DIR",
        default_text="read them in --cache",
    )
    node_timeout_s: float = option(
        900.0,
        "how long to wait for a node that the autoscaler of --address starts",
        name="node-timeout",
        parse=seconds,
        show=show_seconds,
        metavar="TIME",
    )
    cpus_per_trial: int | None = option(
        None,
        "CPU cores of a trial",
        parse=at_least(1),
        metavar="N",
        default_text="2, or all of a smaller machine",
    )
    gpus_per_trial: float = option(
        0.0, "GPUs of a trial, or a share of one such as 0.25", parse=gpus, metavar="SHARE", default_text="0"
    )
    accelerator: str | None = option(
        None,
        "kind of GPU to use, such as T4, A100 or H100, by Ray's name",
        metavar="KIND",
        default_text="any",
    )
    max_concurrent: int | None = option(
        None,
        "largest number of trials at a time",
        parse=at_least(1),
        metavar="N",
        default_text="all that fit",
    )
    pack: int | None = option(
        None,
        "number of heads of one shape that JAX trains as one program",
        parse=at_least(1),
        metavar="N",
        default_text="on a GPU as many as fit, on a CPU 1, which is faster there",
    )
    max_failures: int = option(
        2,
        "number of times that a trial is started again after its worker died",
        parse=at_least(0),
        metavar="N",
    )

    @property
    def leaves_backend_open(self) -> bool:
        """Whether nobody asks for a backend of Keras."""
        return self.keras_backend == AUTO and not os.environ.get("KERAS_BACKEND")

    @property
    def trial_cpus(self) -> int:
        """The CPU cores of a trial: as many as were asked for, else two, or all of a smaller machine."""
        # heads are bound by memory, whose bandwidth one or two cores use up
        return self.cpus_per_trial or min(2, available_cores())
