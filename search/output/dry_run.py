"""A dry run: what a search would train, and how long that takes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from data_prep.command_line.console import print_warning, text_console
from data_prep.storage.remote import shown
from search.finetune.plan import FinetunePlan
from search.options.search_options import SearchOptions
from search.output.json_objects import plan_json
from search.output.readiness import readiness
from search.output.tables import (
    print_estimate,
    print_finetune_setting,
    print_plan,
    print_problem,
    print_stage_plan,
)
from search.strategies.estimate import estimate, extraction_s, warning_of_images, warning_of_single_examples
from search.strategies.plans import Plan, assumed_trials, expected_trials, missing_trials
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.trial import Trial


def print_dry_run(
    options: SearchOptions, plans: Sequence[Plan], finetune: FinetunePlan | None, ledger: Ledger
) -> None:
    """Prints what `plans` and `finetune` would train in the study of `ledger`, also as JSON."""
    everything = [*plans, finetune] if finetune else plans
    problem = everything[0].problem
    warn_of_costs(expected_trials(plans, ledger), ledger, problem)
    missing = {trial.key: trial for plan in everything for trial in missing_trials(plan, ledger)}
    trials, pretraining = list(missing.values()), finetune and finetune.pretraining
    problems = [problem, pretraining] if pretraining else [problem]
    others = pretraining.splits if pretraining else ()
    chosen = [trial for plan in plans if not plan.trials() for trial in assumed_trials(plan)]
    coming = [*trials, *chosen]
    features_s = sum(extraction_s(coming, each, options.study.cache) for each in problems)
    expected = estimate(coming, ledger.results(), problem, features_s, others)
    ready = readiness(options, problem, coming, ledger.folder)
    if options.study.json:
        print(json.dumps({**plan_json(everything, ledger.folder, missing, expected), **ready}, indent=2))
        return
    console = text_console()
    console.print(f"study     {shown(ledger.folder)}", soft_wrap=True)
    print_problem(problem, console)
    for name, sentence in ready.items():
        console.print(f"{name:<9} {sentence}", highlight=False, markup=False, soft_wrap=True)
    listed = set[str]()  # stages share trials: each is listed once
    for plan in plans:
        print_stage_plan(plan, console)
        print_plan(plan, missing, console, listed=listed)
        listed.update(trial.key for trial in plan.trials())
    if len(plans) > 1:
        console.print("stages after the first are listed with the winners known so far")
    if finetune:
        print_finetune_setting(finetune, console)
        print_plan(finetune, missing, console)
    print_estimate(len(missing) + len(chosen), expected, console)
    if options.wants_finetuning and not finetune:
        console.print("pretraining and fine-tuning come after these, for the winner")


def warn_of_costs(trials: Sequence[Trial], ledger: Ledger, problem: Problem) -> None:
    """Prints a warning where one of `trials` to come has batch size 1, and where one has unfrozen blocks."""
    of_images = warning_of_images(trials, ledger.results(), problem)
    for warning in (warning_of_single_examples(trials), of_images):
        if warning:
            print_warning(warning)
