"""python -m search.run: tunes stage by stage or jointly, and names the winner."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.errors import InputError
from data_prep.storage.remote import address_of, pull, shown
from search.callbacks.callback import Callback, Callbacks
from search.callbacks.live_state_writer import LiveStateWriter
from search.callbacks.uploader import Uploader
from search.finetune.plan import FinetunePlan, finetune_plan
from search.options.finetune_options import is_wanted
from search.options.parser import parse_arguments
from search.options.search_options import asked_of, stage_names
from search.output.dry_run import _dry_run, _say_warning, _warn
from search.output.json_objects import finetune_json, result_json
from search.output.tables import (
    print_finetune,
    print_stage,
)
from search.ray_tune.head_start import HeadStart
from search.space.stages import FINETUNE, Stage
from search.strategies.held_out import describe_reading, require_held_out
from search.strategies.plans import (
    Plan,
    expected_trials,
    joint_plan,
    rows_to_make,
    stage_plan,
    stage_plans,
)
from search.strategies.sweeps import run_sequence
from search.study.data import celeba_of, default_name, manifest_of
from search.study.descriptions import describe_sweep
from search.study.facts import read_facts
from search.study.folder import check_study, held, keep_command, open_study, require_same_backbone
from search.study.layout import WORKERS_SEND, Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import JOINT, Result, StageFiles, StageResult
from search.trackers.from_options import callbacks_of, require_wandb
from trainables.trial import Trial

if TYPE_CHECKING:
    from search.runner import Runner


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    warnings.showwarning = _say_warning
    return exit_code(
        lambda: _run(parse_arguments(argv)),
        "interrupted: finished trials are kept; the same command again continues",
    )


def _run(arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    problem = Problem.of(
        manifest_of(arguments),
        arguments.split,
        arguments.weights,
        arguments.keras_backend,
        arguments.feature_precision,
    )
    folder = arguments.storage.absolute() / (arguments.study or default_name(arguments))
    pull(folder, WORKERS_SEND)
    if arguments.final:
        require_held_out(problem)
    if (arguments.pack or 1) > 1 and problem.keras_backend != "jax":
        raise InputError(
            f"--pack needs Keras on JAX, this study runs on {problem.keras_backend}; leave it out"
        )
    check_study(folder, problem.facts())
    if "backbone" in arguments.given:
        require_same_backbone(folder, arguments.given["backbone"], StageFiles(folder).all())
    plans = _plans(arguments, problem, folder)  # refuses what cannot be run before anything is written
    finetunes = finetune_plan(arguments, problem, folder) if arguments.stage == FINETUNE else None
    if finetunes is None and arguments.celeba:
        celeba_of(arguments)
    if arguments.dry_run:
        _dry_run(arguments, plans, finetunes, problem, folder)
        return
    require_wandb(arguments)
    with held(folder):
        open_study(folder, problem.facts())
        keep_command(folder, arguments.argv)
        missing = expected_trials(plans, Ledger(folder))
        _warn(missing, problem)
        silence = _only_results() if arguments.quiet else contextlib.nullcontext()
        with silence, _head_start(arguments, problem, missing) as head_start:
            _search(arguments, problem, folder, finetunes, head_start, started)


def _search(
    arguments: argparse.Namespace,
    problem: Problem,
    folder: Path,
    finetunes: FinetunePlan | None,
    head_start: HeadStart | None,
    started: float,
) -> None:
    from search.ray_tune.driver import (  # Ray takes seconds to import; a dry run does without it
        Driver,
        Resources,
    )
    from search.runner import Runner

    resources = Resources(
        address=arguments.address,
        cpus_per_trial=arguments.cpus_per_trial,
        gpus_per_trial=arguments.gpus_per_trial,
        max_concurrent=arguments.max_concurrent,
        max_failures=arguments.max_failures,
        pack=arguments.pack,
        local_cache=arguments.local_cache and arguments.local_cache.absolute(),
        node_timeout_s=arguments.node_timeout,
        verbose=arguments.verbose,
    )
    ledger, places = Ledger(folder), (arguments.cache, Layout(folder).checkpoints)
    stdout = sys.stdout
    output = text_console(sys.stderr if arguments.json else stdout)
    results: list[Result] = []
    with (
        contextlib.redirect_stdout(sys.stderr),  # Ray prints there when a worker dies
        Driver(problem, *places, resources, ledger.record, head_start=head_start) as driver,
        _callbacks(arguments, folder, driver.cluster) as callbacks,
    ):
        runner = Runner(folder, ledger, driver, text_console(stderr=True), callbacks)
        print(f"study     {shown(folder)}", file=sys.stderr)
        for result in _results(arguments, problem, folder, runner, output):
            results.append(result)
            Callbacks(callbacks).search_finished(result)
            print_stage(result, output)
            _require_winner(result)
        reading = runner.final(results[-1], problem) if arguments.final else None
        if finetunes is None and is_wanted(arguments):
            finetunes = finetune_plan(arguments, problem, folder)
        command = shlex.join(["python", "-m", "search.run", *arguments.argv])
        finetuned = runner.finetune(finetunes, command) if finetunes else None
    if finetuned:
        print_finetune(finetuned, output)
    if reading:
        output.print(describe_reading(reading), soft_wrap=True)
    output.print(f"results: {shown(folder)}", soft_wrap=True)
    if arguments.json:
        seconds = time.perf_counter() - started
        made_of = read_facts(folder)
        told = result_json(results, folder, made_of, ledger, seconds, reading) if results else {}
        told |= finetune_json(finetuned, folder, made_of, seconds) if finetuned and not results else {}
        told |= {"finetune": finetuned.to_dict()} if finetuned else {}
        print(json.dumps(told, indent=2))


def _head_start(
    arguments: argparse.Namespace, problem: Problem, trials: Sequence[Trial]
) -> contextlib.AbstractContextManager[HeadStart | None]:
    """Returns a process that makes what `trials` read, where it may lie on this machine; else None."""
    elsewhere = arguments.address or arguments.gpus_per_trial or address_of(arguments.cache)
    names = [] if elsewhere else rows_to_make(trials, problem, arguments.cache)
    return HeadStart(names, problem, arguments.cache) if names else contextlib.nullcontext()


@contextlib.contextmanager
def _only_results() -> Iterator[None]:
    """Silences standard error but for warnings; an error is told after it."""
    with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
        warnings.showwarning = partial(_say_warning, to=sys.stderr)
        with contextlib.redirect_stderr(nowhere):
            yield


@contextlib.contextmanager
def _callbacks(
    arguments: argparse.Namespace, folder: Path, cluster: Callable[[], Mapping[str, Any]]
) -> Iterator[Sequence[Callback]]:
    """Gives the callbacks of this run, and closes them however it ends."""
    with contextlib.ExitStack() as stack:
        stages = [] if arguments.mode == JOINT else stage_names(arguments)
        callbacks: list[Callback] = []
        if address_of(folder):
            callbacks.append(Uploader(folder, Ledger(folder)))  # the first is closed last
        callbacks.append(LiveStateWriter(folder, asked_of(arguments, stages), cluster=cluster))
        callbacks += callbacks_of(arguments, folder, lambda line: print(line, file=sys.stderr))
        for callback in callbacks:
            stack.callback(callback.close)
        yield callbacks


def _results(
    arguments: argparse.Namespace, problem: Problem, folder: Path, runner: Runner, output: Console
) -> Iterator[Result]:
    if arguments.mode == JOINT:
        yield runner.joint(joint_plan(arguments, problem, folder))
        return

    def run(stage: Stage, before: Sequence[Result], sweep: int) -> StageResult:
        return runner.stage(stage_plan(arguments, problem, stage, before, sweep))

    done: list[StageResult] = []
    names = stage_names(arguments)
    for result in run_sequence(names, arguments.order, arguments.sweeps, StageFiles(folder), run):
        done.append(result)
        yield result
        if result.sweep > 1 and result.stage == names[-1]:
            output.print(describe_sweep(done, result.sweep), soft_wrap=True)


def _plans(arguments: argparse.Namespace, problem: Problem, folder: Path) -> Sequence[Plan]:
    if arguments.mode == JOINT:
        return [joint_plan(arguments, problem, folder)]
    return stage_plans(arguments, problem, folder)


def _require_winner(result: Result) -> None:
    if result.winner is None:
        reasons = "; ".join(sorted({entry.reason for entry in result.entries if entry.reason}))
        raise InputError(
            f"no value of the stage {result.stage} could be trained ({reasons or 'no reason given'})"
        )


if __name__ == "__main__":
    sys.exit(main())
