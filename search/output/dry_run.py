"""A dry run: what a search would train, and how long that takes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from data_prep.command_line.console import text_console
from data_prep.storage.remote import shown
from search.finetune.plan import FinetunePlan
from search.options.finetune_options import is_wanted
from search.output.json_objects import plan_json
from search.output.tables import print_estimate, print_finetune_setting, print_plan, print_setting
from search.strategies.estimate import estimate, warning_of_single_examples
from search.strategies.plans import Plan, expected_trials, images_to_extract, missing_trials
from search.study.ledger import Ledger
from search.study.setup import Problem
from trainables.trial import Trial


def _dry_run(
    arguments: argparse.Namespace,
    plans: Sequence[Plan],
    finetunes: FinetunePlan | None,
    problem: Problem,
    folder: Path,
) -> None:
    ledger = Ledger(folder)
    _warn(expected_trials(plans, ledger), problem)
    everything = [*plans, finetunes] if finetunes else plans
    missing = {trial.key: trial for plan in everything for trial in missing_trials(plan, ledger)}
    trials, pretraining = list(missing.values()), finetunes and finetunes.pretraining
    problems = [problem, pretraining] if pretraining else [problem]
    images = sum(images_to_extract(trials, each, arguments.cache) for each in problems)
    others = pretraining.splits if pretraining else ()
    expected = estimate(trials, ledger.results(), problem, images, others)
    if arguments.json:
        print(json.dumps(plan_json(everything, folder, missing, expected), indent=2))
        return
    console = text_console()
    console.print(f"study     {shown(folder)}", soft_wrap=True)
    for plan in plans:
        print_setting(plan, console)
        print_plan(plan, missing, console)
    if finetunes:
        print_finetune_setting(finetunes, console)
        print_plan(finetunes, missing, console)
    print_estimate(len(missing), expected, console)
    if is_wanted(arguments) and not finetunes:
        console.print("pretraining and fine-tuning come after these, for the winner")


def _warn(trials: Sequence[Trial], problem: Problem) -> None:
    warning = warning_of_single_examples(trials, problem)
    if warning:
        _say_warning(warning)


def _say_warning(message: Warning | str, *_: object, to: TextIO | None = None, **__: object) -> None:
    print(f"warning: {message}", file=to or sys.stderr)
