"""Plan of fine-tuning: the trials from a winner to the final model, and whose weights each starts from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.class_names import listed, same_classes
from data_prep.errors import InputError
from data_prep.sources import celeba_of
from data_prep.splits import PRETRAINING, make_splits
from search.finetune.columns import LINEAR, Column, earlier_column
from search.options.run_groups import BLOCKS_FACTOR, HEAD
from search.options.search_options import SearchOptions
from search.options.types import Blocks
from search.space.labels import run_label
from search.space.stages import UNTUNED_HEADS
from search.statistics.paired_tests import MARGIN
from search.study.setup import Problem
from search.study.stage_results import Result, StageFiles, winner_of
from trainables.backbones.table import find_backbone
from trainables.features.cache import FEATURE_PRECISIONS
from trainables.features.images import RESIZES
from trainables.objective import OBJECTIVE, OBJECTIVES, Objective
from trainables.trial import Trial, TrialConfig

UNTUNED_BATCH = 64  # of the report's backbone stage


@dataclass(frozen=True, kw_only=True, eq=False)
class FinetunePlan:
    """Plan for the `winner` of a search: the columns of the report's final table, and more.

    `pretraining` is the problem whose images the winner sees first, None for no such column. `blocks` adds
    a column each: that many last blocks of the backbone ("all": it all) are trained on images, from the
    head that the columns before have. `blocks_rate` is their learning rate (by default BLOCKS_FACTOR of
    the winner's); `on_images` holds their augment, precision and train_batchnorm. `earlier` is the final
    model that the study has already. `searched_by` decided the search.
    `final_model` says whether the linear classifier may be it (BEST).
    """

    problem: Problem
    pretraining: Problem | None
    winner: TrialConfig
    origin: str
    seeds: tuple[int, ...]
    blocks: tuple[Blocks, ...] = ()
    blocks_rate: float | None = None
    pretraining_epochs: int | None = None
    on_images: Mapping[str, Any] | None = None
    margin: float = MARGIN
    earlier: Column | None = None
    searched_by: Objective = OBJECTIVE
    final_model: str = HEAD

    def __post_init__(self) -> None:
        backbone = find_backbone(self.winner.backbone)
        if self.blocks and (backbone.parts or backbone.preset):
            raise InputError(
                "--finetune blocks is for one backbone of keras.applications, the winner is "
                f"{self.winner.backbone}; use --finetune head"
            )
        if self.blocks and not backbone.frozen:
            raise InputError(
                f"--finetune blocks is for pretrained backbones, the winner is {self.winner.backbone}, which "
                "is trained whole anyway; use --finetune head"
            )

    @property
    def objective(self) -> Objective:
        """The figure that decides: that of the search, where it is one of the weights that the model has."""
        return self.searched_by if self.searched_by.is_of_last_epoch else OBJECTIVES["val_accuracy"]

    @property
    def untuned(self) -> TrialConfig:
        """The configuration of the report's backbone stage, for the winner's backbone."""
        backbone = self.winner.backbone
        values = {"batch_size": UNTUNED_BATCH, **UNTUNED_HEADS.get(backbone, {})}
        for name in ("epochs", "bn_statistics", "bn_momentum"):  # of the data, and not tuned
            values[name] = getattr(self.winner, name)
        if self.winner.head:
            # untuned: with the values that its file declares as defaults
            values |= {"head": self.winner.head.partition("?")[0], "head_source": self.winner.head_source}
        return TrialConfig(backbone=backbone, input_px=self.winner.input_px, **values)

    @property
    def pretrained_on(self) -> str:
        """The name of the images of the pretraining; empty without one."""
        source = self.pretraining.facts().source if self.pretraining else ""
        return {"celeba": "CelebA", "sample": "drawn faces"}.get(source, source)

    def pretraining_runs(self) -> list[Trial]:
        """Returns the trials on the images that the winner sees first: one for each seed."""
        if self.pretraining is None:
            return []
        config = replace(self.winner, epochs=self.pretraining_epochs or self.winner.epochs)
        (split,) = self.pretraining.splits
        return [self.pretraining.trial(replace(config, seed=seed), split.name) for seed in self.seeds]

    def head_columns(self) -> list[Column]:
        """Returns the columns that need no other column."""
        first = {run.config.seed: run.key for run in self.pretraining_runs()}
        columns = [
            Column("untuned", "untuned", self._runs(self.untuned)),
            # only where blocks start from them: else a winner whose weights are gone is trained once more
            Column("tuned", "tuned", self._runs(self.winner), keep=bool(self.blocks) and not first),
        ]
        if first:
            starts = {(split.name, seed): first[seed] for split in self.problem.splits for seed in self.seeds}
            runs = self._runs(self.winner, starts)
            columns.append(
                Column("pretrained", f"tuned, pretrained on {self.pretrained_on}", runs, keep=True)
            )
        return columns

    def block_columns(self) -> list[Column]:
        """Returns the columns that start from the last of the others."""
        before = self.head_columns()[-1]
        starts = {(run.split, run.config.seed): run.key for run in before.runs}
        rate = self.blocks_rate or self.winner.learning_rate * BLOCKS_FACTOR
        columns = []
        for blocks in self.blocks:
            title = f"{before.title}, {'all' if blocks == 'all' else f'last {blocks}'} blocks"
            on_images = {"learning_rate": rate, "unfrozen_blocks": blocks, **(self.on_images or {})}
            runs = self._runs(replace(self.winner, **on_images), starts)
            columns.append(Column(f"blocks:{blocks}", title, runs, keep=True))
        return columns

    def columns(self) -> list[Column]:
        """Returns all columns, in the order in which they can be trained."""
        now = [*self.head_columns(), *self.block_columns()]
        return [*now, *self.columns_of_before(now)]

    def linear_column(self) -> Column:
        """Returns the column of the linear classifier: a head without hidden units, a run for each split."""
        read = {name: getattr(self.winner, name) for name in ("backbone", "input_px", "pooling", "seed")}
        # no BatchNorm: its weights have the standardisation of the features in them
        config = TrialConfig().with_used(**read, hidden_units=(), normalisation="none", epochs=1)
        runs = tuple(self.problem.trial(config, split.name, LINEAR) for split in self.problem.splits)
        return Column(LINEAR, "linear classifier", runs)

    def column(self, name: str | None) -> Column | None:
        """Returns the column called `name`, that of the linear classifier among them; None without any."""
        if name == LINEAR:
            return self.linear_column()
        return next((column for column in self.columns() if column.name == name), None)

    def columns_of_before(self, now: Sequence[Column]) -> list[Column]:
        """Returns the column of the final model that the study has, unless it is one of those of `now`."""
        keys = {run.key for column in now for run in column.runs}
        return [self.earlier] if self.earlier and self.earlier.runs[0].key not in keys else []

    def trials(self) -> list[Trial]:
        """Returns all trials, in the order in which they can be trained."""
        return [*self.pretraining_runs(), *(run for column in self.columns() for run in column.runs)]

    @functools.cached_property
    def _titles(self) -> dict[str, str]:
        return {run.key: column.title for column in self.columns() for run in column.runs}

    def label(self, trial: Trial) -> str:
        """Returns what a person calls `trial`, such as "tuned, seed 8"."""
        title = self._titles.get(trial.key)
        several = len(self.problem.splits) > 1 and title is not None  # a pretraining has its one split
        return run_label(title or self.pretrained_on, trial, seeds=len(self.seeds) > 1, splits=several)

    def _runs(
        self, config: TrialConfig, starts: Mapping[tuple[str, int], str] | None = None
    ) -> tuple[Trial, ...]:
        return tuple(
            self.problem.trial(
                replace(config, seed=seed), split.name, (starts or {}).get((split.name, seed), "")
            )
            for split in self.problem.splits
            for seed in self.seeds
        )


def pretraining_of(options: SearchOptions, problem: Problem) -> Problem | None:
    """Returns the problem whose images the winner sees first; None where none was asked for.

    Raises InputError where its classes are as many as those of `problem` and others: the head would answer
    for them. Of another number the head's last layer is drawn anew.
    """
    final = options.final_model
    if final.celeba is None:
        return None
    manifest = celeba_of(final.celeba, final.celeba_root)
    _require_same_classes(problem.manifest.class_names, manifest.class_names)
    splits = make_splits(manifest, PRETRAINING)
    return replace(problem, manifest=manifest, protocol=PRETRAINING, splits=splits)


def _require_same_classes(ours: Sequence[str], theirs: Sequence[str]) -> None:
    if len(ours) != len(theirs) or same_classes(ours, theirs):
        return
    turned = same_classes(ours, [*reversed(theirs)])
    way_out = (
        f"build the data again with --classes {listed([*reversed(ours)])}" if turned else "leave out --celeba"
    )
    raise InputError(
        f"--celeba needs images of the same classes in the same order: its are {listed(theirs)}, those of "
        f"the data are {listed(ours)}; {way_out}"
    )


def finetune_plan(
    options: SearchOptions, problem: Problem, pretraining: Problem | None, folder: Path
) -> FinetunePlan:
    """Returns the plan for the winner of the study in `folder`; `pretraining` is as in FinetunePlan.

    Raises InputError where it has none yet, and where the options do not fit it.
    """
    # the first is float32; a head that read rounded features would not answer the same on top of the network
    if problem.feature_precision != FEATURE_PRECISIONS[0]:
        raise InputError(
            f"the final model computes in {FEATURE_PRECISIONS[0]}, the heads of this study read features in "
            f"{problem.feature_precision}; fine-tune in a study without --feature-precision"
        )
    if problem.resize != RESIZES[0]:
        raise InputError(
            f"the final model reads pictures that are scaled by {RESIZES[0]}, the heads of this study read "
            f"those of {problem.resize}; fine-tune in a study without --resize"
        )
    results = list(StageFiles(folder).all())
    winner, origin = winner_of(results, folder)
    winner = replace(winner, **options.held.given)
    # of auto the first three: nothing is dropped early here
    seeds = tuple(range(winner.seed, winner.seed + options.deciding.first_repeats))
    return FinetunePlan(
        problem=problem,
        pretraining=pretraining,
        winner=winner,
        origin=origin,
        seeds=seeds,
        blocks=options.final_model.blocks,
        blocks_rate=options.final_model.finetune_rate,
        pretraining_epochs=options.final_model.pretraining_epochs,
        on_images=options.images.given,
        margin=options.deciding.margin,
        final_model=options.final_model.final_model or HEAD,
        earlier=earlier_column(problem, folder, seeds),
        searched_by=_searched_by(options, results),
    )


def _searched_by(options: SearchOptions, results: Sequence[Result]) -> Objective:
    """Returns the objective of the search that the winner is of, or the one that is asked for now."""
    asked = OBJECTIVES[options.deciding.objective]
    return asked if asked != OBJECTIVE else [each for each in results if each.winner][-1].objective
