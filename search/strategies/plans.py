"""Plans of what to train, made from the options of a search and from what the study has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from data_prep.errors import InputError
from search.finetune.plan import FinetunePlan
from search.options.search_options import SearchOptions
from search.space.joint_space import Space, Starts, bases_of, require_of_use
from search.space.presets import REPORT
from search.space.stages import AUTO_REPEATS, EVERY_STAGE, UNTUNED_HEADS, Stage
from search.strategies.staged import StagePlan
from search.strategies.sweeps import earlier_results
from search.study.comparison import best_first
from search.study.ledger import Ledger, finished_trials
from search.study.search_id import SearchId, SearchKind
from search.study.setup import Problem
from search.study.snapshot import SnapshotReader
from search.study.stage_results import Result, StageFiles, StageResult
from search.study.study import Study
from trainables.hyperparameters import EXACT, HYPERPARAMETERS
from trainables.trial import Trial, TrialConfig

if TYPE_CHECKING:
    from search.strategies.joint_plan import JointPlan

Plan: TypeAlias = "StagePlan | JointPlan"


def stage_plan(
    options: SearchOptions, problem: Problem, stage: Stage, before: Sequence[Result], sweep: int = 1
) -> StagePlan:
    """Returns the plan of `stage` after the results `before`; `stage.fixed` is for the first sweep."""
    base, origins = base_of(
        before, options.given, stage.fixed if sweep == 1 else {}, bn_statistics_of(options, problem)
    )
    if not base.is_used(stage.hyperparameter):
        if HYPERPARAMETERS[stage.hyperparameter].on_images:
            raise InputError(
                f"--stage {stage.name} is of networks that train on images, received {base.backbone} with "
                "frozen blocks; add --unfrozen-blocks 1, for instance, or use --backbone hassner"
            )
        if stage.hyperparameter == "unfrozen_blocks":
            raise InputError(
                f"--stage {stage.name} is of pretrained backbones, {base.backbone} is trained whole; "
                "name another --backbone"
            )
        other, values = HYPERPARAMETERS[stage.hyperparameter].only_with or ("", ())
        raise InputError(
            f"--stage {stage.name} is of use with {other} {' or '.join(map(str, values))} only, received "
            f"{other} {getattr(base, other)}; add --{other.replace('_', '-')} {values[0]}"
        )
    taken_over = {name: origin for name, origin in origins.items() if name != stage.hyperparameter}
    deciding = options.deciding
    seeds = range(base.seed, base.seed + deciding.first_repeats)
    race_to = deciding.max_repeats if deciding.repeats == AUTO_REPEATS else None
    return StagePlan(stage, base, taken_over, problem, tuple(seeds), sweep, race_to, deciding.margin)


def joint_plan(options: SearchOptions, problem: Problem, folder: Path) -> JointPlan:
    """Returns the plan of the joint search; what it does not vary is as the stages left it."""
    # it imports Ray, which takes seconds: the plan of a stage does without
    from search.strategies.joint_plan import JointPlan

    joint = options.joint
    space = options.space_to_try()
    others = [name for name in options.order if EVERY_STAGE[name].hyperparameter not in space]
    before = [result for name in others if (result := StageFiles(folder).find(name))]
    base, origins = base_of(before, options.given, {}, bn_statistics_of(options, problem))
    require_of_use(space, base)
    return JointPlan(
        problem=problem,
        base=base,
        taken_over={name: origin for name, origin in origins.items() if name not in space},
        space=space,
        search=joint.search,
        scheduler=joint.scheduler,
        samples=joint.num_samples,
        time_budget_s=joint.time_budget_s,
        repeats=options.deciding.first_repeats,
        margin=options.deciding.margin,
        ablate=joint.ablate,
        starts=_starts(options, folder, base, space),
    )


def _starts(options: SearchOptions, folder: Path, base: TrialConfig, space: Space) -> Starts:
    """Returns what a joint search takes from the study that --start-from names."""
    name = options.joint.start_from
    if not name:
        return Starts()
    study = Study.find(name, options.study.storage)
    if study.folder.resolve() == folder.resolve():
        # what is best in it changes while it is searched, and the same command would not go on
        raise InputError(
            f"--start-from names another study, received {name}, which is searched; leave it out"
        )
    snapshot = SnapshotReader(study.folder, indexed=False).read()
    return Starts.among(best_first(snapshot), study.folder.name, base, space)


def stage_plans(options: SearchOptions, problem: Problem, folder: Path) -> list[StagePlan]:
    """Returns the plans of the stages as far as their winners are known: what a dry run can tell."""
    files = StageFiles(folder)
    return [
        stage_plan(options, problem, options.stage_called(name), earlier_results(name, options.order, files))
        for name in options.stage_names
    ]


def bn_statistics_of(options: SearchOptions, problem: Problem) -> str:
    """Returns the BatchNorm statistics of trials that are not told any: running averages are the report's."""
    return problem.bn_statistics if options.preset.name == REPORT else EXACT


def missing_trials(plan: Plan | FinetunePlan, ledger: Ledger) -> list[Trial]:
    """Returns the trials of `plan` that have to be trained."""
    trials = plan.trials()
    done = finished_trials(trials, ledger)
    return [trial for trial in trials if trial.key not in done]


def expected_trials(plans: Sequence[Plan], ledger: Ledger) -> list[Trial]:
    """Returns the trials to train, each once; for a searcher one a batch size and backbone."""
    expected: dict[str, Trial] = {}
    for plan in plans:
        trials = missing_trials(plan, ledger) if plan.trials() else _one_a_batch_size(plan)
        expected |= {trial.key: trial for trial in trials}
    return list(expected.values())


def assumed_trials(plan: Plan) -> list[Trial]:
    """Returns as many trials as a searcher will choose, for an estimate: it may take other values."""
    kinds = _one_a_batch_size(plan)
    # evenly: nobody knows which of them it will take
    return [kinds[number % len(kinds)] for number in range(getattr(plan, "samples", None) or 0)]


def _one_a_batch_size(plan: Plan) -> list[Trial]:
    space = getattr(plan, "space", {})
    sizes, split = space.get("batch_size", (plan.base.batch_size,)), plan.problem.splits[0].name
    return [
        plan.problem.trial(replace(base, batch_size=size), split)
        for base in bases_of(plan.base, space)
        for size in sizes
    ]


def base_of(
    before: Sequence[Result],
    given: Mapping[str, Any],
    fixed: Mapping[str, Any],
    bn_statistics: str = TrialConfig.bn_statistics,
) -> tuple[TrialConfig, dict[str, str]]:
    """Returns the configuration to vary, and where each of its values comes from.

    A value is `given` by the user, else the winner's of a stage `before` (later ones overrule earlier
    ones), else `fixed` by the stage itself, else the backbone's untuned one; the data has its `bn_statistics`
    where none are given. "given", "stage lr", "the
    report's for this stage" and "default" are what the second value says of each field.
    """
    won = {
        result.hyperparameter: (
            getattr(result.winner, result.hyperparameter),
            str(SearchId(SearchKind.STAGE, result.stage)),
        )
        for result in before
        if isinstance(result, StageResult) and result.winner
    }
    chosen = {
        **{name: (value, "the report's for this stage") for name, value in fixed.items()},
        **won,
        **{name: (value, "given") for name, value in given.items()},
    }
    backbone, _ = chosen.get("backbone", (TrialConfig.backbone, ""))
    untuned = {"bn_statistics": bn_statistics, **UNTUNED_HEADS.get(backbone, {})}
    values = {**untuned, **{name: value for name, (value, _) in chosen.items()}}
    try:
        # what an earlier stage found may do nothing beside what is given, as momentum with adam
        base = replace(TrialConfig().with_used(**values), **given)
    except ValueError as error:
        raise InputError(str(error)) from None
    told = dict.fromkeys([*base.to_dict(), *chosen])
    return base, {name: chosen[name][1] if name in chosen else "default" for name in told}
