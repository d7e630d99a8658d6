"""Which options of python -m search.run do not go together, and what to do instead."""

from __future__ import annotations

import argparse
from typing import Any

from search.options.command_line import OPTIONS
from search.options.finetune_options import find_finetune_contradiction
from search.space.joint_space import POPULATION, POPULATION_STAGES
from search.space.stages import ALL, AUTO_REPEATS, FINETUNE, STAGES, parse_order
from search.statistics.selection import RACE_MAXIMUM
from search.study.stage_results import JOINT

_JOINT_ONLY = {
    "search": "grid",
    "scheduler": "none",
    "num_samples": None,
    "time_budget": None,
    "ranges": False,
    "vary": None,
}


def find_contradiction(arguments: argparse.Namespace) -> str | None:
    """Returns in one sentence what is wrong with the options together, None where nothing is.

    `arguments` are those of `search.options.parser`, with `given` and `order` filled in.
    """
    check = _check_joint if arguments.mode == JOINT else _check_staged
    return check(arguments) or find_finetune_contradiction(arguments) or _check_seeds(arguments)


def _check_staged(arguments: argparse.Namespace) -> str | None:
    """Returns what is wrong with the options of a staged search, None where nothing is."""
    joint_only = [option for option, default in _JOINT_ONLY.items() if _is_set(arguments, option, default)]
    if joint_only:
        return f"--{joint_only[0].replace('_', '-')} belongs to --mode joint; add it, or leave out the option"
    if arguments.max_repeats != RACE_MAXIMUM and arguments.repeats != AUTO_REPEATS:
        return "--max-repeats belongs to --repeats auto; add it, or leave out --max-repeats"
    if arguments.stage is None:
        return f"--stage is needed: {', '.join(STAGES)}, {FINETUNE} or {ALL}"
    if arguments.stage == ALL:
        left = [name for name in arguments.order if STAGES[name].hyperparameter not in arguments.given]
        return None if left else "--stage all has no stage left: every hyperparameter is given; leave one out"
    if arguments.stage == FINETUNE and arguments.final:
        return "--final reads the held-out data for a stage's winner; leave it out of --stage finetune"
    if arguments.sweeps > 1:
        return f"--sweeps goes through several stages, --stage {arguments.stage} is one; use --stage {ALL}"
    if arguments.stage == FINETUNE:
        return None
    hyperparameter = STAGES[arguments.stage].hyperparameter
    if hyperparameter in arguments.given:
        option = f"--{OPTIONS[hyperparameter]}"
        return f"--stage {arguments.stage} tries the values of {option} itself; leave out {option}"
    return None


def _check_joint(arguments: argparse.Namespace) -> str | None:
    """Returns what is wrong with the options of a joint search, None where nothing is."""
    if arguments.stage is not None or arguments.sweeps > 1:
        return "--mode joint varies all hyperparameters at once; leave out --stage and --sweeps"
    if list(arguments.order) != list(STAGES):
        return "--order is that of a staged search; leave it out, --vary says what a joint search varies"
    if arguments.search == "grid" and arguments.ranges:
        return "--search grid takes single values, --ranges has none; use --search random or tpe"
    if arguments.search == "grid" and arguments.num_samples is not None:
        return "--search grid tries every configuration; leave out --num-samples, or use --search random"
    if arguments.search != "grid" and arguments.num_samples is None:
        return f"--search {arguments.search} needs --num-samples, the number of configurations to try"
    if (arguments.pack or 1) > 1 and arguments.scheduler in ("hyperband", POPULATION):
        return f"--scheduler {arguments.scheduler} pauses trials, which a pack cannot; leave out --pack"
    if arguments.scheduler == POPULATION:
        return _check_population(arguments)
    if arguments.repeats == AUTO_REPEATS:
        return "--repeats auto is for stages; a joint search repeats its best with --repeats N"
    return None


def _check_population(arguments: argparse.Namespace) -> str | None:
    """Returns what is wrong with the options of a population, None where nothing is."""
    if arguments.search != "random":
        return f"--scheduler pbt starts from a random population; use --search random, not {arguments.search}"
    if arguments.repeats != 1:
        return "--scheduler pbt changes values while it trains and cannot be repeated; leave out --repeats"
    if arguments.vary and not set(parse_order(arguments.vary)) <= set(POPULATION_STAGES):
        return f"--scheduler pbt varies {' and '.join(POPULATION_STAGES)}; leave the others out of --vary"
    return None


def _check_seeds(arguments: argparse.Namespace) -> str | None:
    repeats = arguments.max_repeats if arguments.repeats == AUTO_REPEATS else arguments.repeats
    if arguments.given.get("seed", 0) + repeats < 2**31:
        return None
    return f"--seed and the repeats after it must stay below {2**31}, received {arguments.seed}"


def _is_set(arguments: argparse.Namespace, option: str, default: Any) -> bool:
    return bool(getattr(arguments, option) != default)
