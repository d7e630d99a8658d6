"""python -m search.run: tunes a stage and names its winner."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from data_prep.adience import load_adience
from data_prep.build import build_manifest
from data_prep.errors import InputError
from data_prep.manifest import Manifest, read_manifest
from data_prep.sample import draw_sample
from search.arguments import parse_arguments
from search.estimate import estimate
from search.ledger import Ledger
from search.problem import Problem
from search.progress import Progress
from search.results import StageFiles, StageResult
from search.staged import StagePlan, missing_trials, run_stage
from search.stages import STAGES, base_of
from search.study import held, open_study, read_study
from search.tables import plan_json, print_plan, print_setting, print_stage, result_json
from trainables.backbones import find_backbone
from trainables.features import find_features
from trainables.trial import Trial, TrialResult

SAMPLE = Path("data/sample")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    try:
        arguments = parse_arguments(argv)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    warnings.showwarning = _say_warning
    try:
        return _run(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: finished trials are kept; the same command again continues", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    started = time.perf_counter()
    problem = Problem.of(_manifest(arguments), arguments.split, arguments.weights, arguments.keras_backend)
    folder = arguments.storage.absolute() / (arguments.study or _study_name(arguments))
    if arguments.dry_run:
        return _dry_run(arguments, problem, folder)
    with held(folder):
        open_study(folder, problem.facts())
        result = _stage(arguments, problem, folder)
    _print(arguments, folder, result, time.perf_counter() - started)
    _require_winner(result)
    return 0


def _manifest(arguments: argparse.Namespace) -> Manifest:
    if arguments.data is not None:
        return read_manifest(arguments.data, arguments.data_root)
    path = SAMPLE.with_suffix(".parquet")
    draw_sample(SAMPLE.absolute())
    if not path.is_file():
        print(f"the built-in sample of drawn faces lies in {SAMPLE} now", file=sys.stderr)
        build_manifest(load_adience(SAMPLE / "adience"), path)
    return read_manifest(path)


def _study_name(arguments: argparse.Namespace) -> str:
    return SAMPLE.name if arguments.data is None else arguments.data.stem


def _plan(arguments: argparse.Namespace, problem: Problem, folder: Path) -> StagePlan:
    stage = STAGES[arguments.stage]
    earlier = list(STAGES)[: list(STAGES).index(stage.name)]
    before = [result for name in earlier if (result := StageFiles(folder).read(name))]
    base, taken_over = base_of(stage, before, arguments.given)
    find_backbone(base.backbone)
    seeds = tuple(range(base.seed, base.seed + arguments.repeats))
    return StagePlan(stage, base, taken_over, problem, seeds)


def _stage(arguments: argparse.Namespace, problem: Problem, folder: Path) -> StageResult:
    from search.driver import Driver, Resources  # Ray takes seconds to import; a dry run does not need it

    plan, ledger, console = _plan(arguments, problem, folder), Ledger(folder), Console(stderr=True)
    print_setting(plan, folder, console)
    resources = Resources(
        address=arguments.address,
        cpus_per_trial=arguments.cpus_per_trial,
        gpus_per_trial=arguments.gpus_per_trial,
        max_concurrent=arguments.max_concurrent,
    )
    with Driver(problem, arguments.cache, resources, ledger.record) as driver:

        def train(trials: Sequence[Trial]) -> Mapping[str, TrialResult]:
            if len(trials) < len(plan.trials()):
                console.print(
                    f"{len(plan.trials()) - len(trials)} of {len(plan.trials())} trials are done already"
                )
            with Progress(f"stage {plan.stage.name}", len(trials), plan.label, console) as progress:
                return driver.train(trials, progress)

        result = run_stage(plan, ledger, train)
    StageFiles(folder).write(result)
    return result


def _dry_run(arguments: argparse.Namespace, problem: Problem, folder: Path) -> int:
    if (folder / "study.json").exists():
        open_study(folder, problem.facts())
    plan, ledger = _plan(arguments, problem, folder), Ledger(folder)
    missing = missing_trials(plan, ledger)
    backbones = {trial.config.backbone for trial in missing}
    to_extract = sum(
        find_features(arguments.cache, find_backbone(name), problem.weights, problem.manifest.image_digests)
        is None
        for name in backbones
    )
    expected = estimate(missing, ledger.results(), problem, to_extract * len(problem.manifest))
    if arguments.json:
        print(json.dumps(plan_json(plan, folder, missing, expected), indent=2))
    else:
        console = Console()
        print_setting(plan, folder, console)
        print_plan(plan, missing, expected, console)
    return 0


def _print(arguments: argparse.Namespace, folder: Path, result: StageResult, seconds: float) -> None:
    if arguments.json:
        made_of = read_study(folder)
        print(json.dumps(result_json(result, folder, made_of, Ledger(folder), seconds), indent=2))
    else:
        console = Console()
        print_stage(result, console)
        console.print(f"results: {folder}", highlight=False, soft_wrap=True)


def _require_winner(result: StageResult) -> None:
    if result.winner is None:
        reasons = "; ".join(sorted({entry.reason for entry in result.entries if entry.reason}))
        raise InputError(
            f"no value of the stage {result.stage} could be trained ({reasons or 'no reason given'})"
        )


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
