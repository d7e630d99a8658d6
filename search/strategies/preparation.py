"""Preparation of a search: its problem, its folder, its plans, and whether they can be run at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep.errors import InputError
from data_prep.groups import groups_of
from data_prep.manifest import Manifest
from data_prep.sources import default_name, manifest_of
from data_prep.storage.remote import pull
from search.options.conflicts import require_consistent
from search.options.search_options import SearchOptions
from search.space.stages import EVERY_STAGE
from search.strategies.held_out import require_held_out
from search.strategies.plans import Plan, joint_plan, stage_plans
from search.strategies.sweeps import put_damaged_aside, tell_damaged, to_decide_again
from search.study.facts import StudyFacts, read_facts
from search.study.folder import check_study, require_same_backbone
from search.study.layout import WORKERS_SEND, Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import StageFiles
from trainables.objective import OBJECTIVES


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A search that is ready to run: what is asked, of which data, in the study's ledger.

    All who read trials share the one ledger, which reads each file once.
    """

    options: SearchOptions
    problem: Problem
    ledger: Ledger

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.ledger.folder

    def put_damaged_aside(self) -> None:
        """Takes hold of the ledger, and moves damaged results of stages aside; for who holds the study."""
        self.ledger.take_hold()
        put_damaged_aside(StageFiles(self.folder))

    def tell_damaged(self) -> None:
        """Names damaged results of stages."""
        tell_damaged(StageFiles(self.folder))

    @property
    def to_decide_again(self) -> list[str]:
        """The stages whose results were damaged, less those that this search decides or has no use for."""
        options = self.options
        return [
            name
            for name in to_decide_again(options.order, StageFiles(self.folder))
            if name not in options.stage_names and EVERY_STAGE[name].hyperparameter not in options.given
        ]


def problem_of(options: SearchOptions) -> Problem:
    """Returns what all trials have in common; the manifest is read and divided."""
    data = options.data
    manifest = manifest_of(data.manifest, data.root)
    options = options.for_data(source_of(manifest))
    # all: by groups that some rows lack nothing can be split
    has_groups = bool(groups_of(manifest.table, manifest.group_kind).notna().all())
    facts = _facts_in(folder_of(options))
    # a study that goes on keeps its split, whatever the preset says now
    kept = "" if data.split else facts.split
    has_parts = {"train", "validation"} <= set(manifest.table["partition"].dropna())
    split = kept or options.split_of(has_groups=has_groups, has_parts=has_parts)
    problem = Problem.of(
        manifest,
        split,
        data.weights,
        _backend_of(options, facts),
        data.feature_precision,
        resize=data.resize,
        objective=OBJECTIVES[options.deciding.objective],
        ordered=data.ordered,
    )
    # what a study chose for images is its own, as long as nobody asks for a backend
    on_images = (options.machine.leaves_backend_open and facts.image_backend) or ""
    return replace(problem, code=options.space.code, image_backend=on_images)


def _facts_in(folder: Path) -> StudyFacts:
    """Returns the facts of the study in `folder`, of which some hold where nothing is asked for."""
    return read_facts(folder) if Layout(folder).facts.is_file() else StudyFacts()


def _backend_of(options: SearchOptions, facts: StudyFacts) -> str:
    """Returns the backend that is asked for; where nobody asks it is that of the study."""
    machine = options.machine
    return (facts.keras_backend if machine.leaves_backend_open else "") or machine.keras_backend


def source_of(manifest: Manifest) -> str:
    """Returns the source of the data, by which its preset is chosen."""
    return str(manifest.table["source"].iloc[0]) if len(manifest) else ""


def folder_of(options: SearchOptions) -> Path:
    """Returns the study's folder; what lies at its address was brought there."""
    study = options.study
    folder = study.storage.absolute() / (study.name or default_name(options.data.manifest))
    pull(folder, WORKERS_SEND)
    return folder


def plans_of(prepared: Prepared) -> Sequence[Plan]:
    """Returns what would be trained, as far as it is known; what is damaged counts as not there.

    Raises InputError for what cannot be run: options, held-out data, packs, or a study of other facts.
    """
    options, problem, folder = prepared.options, prepared.problem, prepared.folder
    require_consistent(options)
    if options.deciding.final:
        require_held_out(problem)
    if (options.machine.pack or 1) > 1 and problem.keras_backend != "jax":
        raise InputError(
            f"--pack needs Keras on JAX, this study runs on {problem.keras_backend}; leave it out"
        )
    check_study(folder, problem.facts())
    if options.held.backbone:
        require_same_backbone(folder, options.held.backbone, StageFiles(folder).all())
    return (
        [joint_plan(options, problem, folder)] if options.is_joint else stage_plans(options, problem, folder)
    )
