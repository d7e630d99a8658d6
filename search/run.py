"""python -m search.run: tunes stage by stage or jointly, and names the winner."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from data_prep.command_line.console import print_warning, text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.storage.remote import shown
from search.callbacks.callback import Callback
from search.options.parser import parse_options
from search.options.search_options import SearchOptions
from search.output.dry_run import print_dry_run
from search.output.json_objects import finetune_json, result_json
from search.output.tables import print_finetune, print_stage
from search.strategies.held_out import describe_reading
from search.study.descriptions import describe_sweep
from search.study.facts import read_facts
from search.study.ledger import Ledger
from search.study.stage_results import Result, StageResult
from search.tuner import Outcome, Tuner


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    warnings.showwarning = print_warning
    return exit_code(
        lambda: _run(parse_options(argv)),
        "interrupted: finished trials are kept; the same command again continues",
    )


def _run(options: SearchOptions) -> None:
    started, printer = time.perf_counter(), _Printer(options)
    tuner = Tuner(options, callbacks=[printer])
    if options.study.dry_run:
        print_dry_run(options, *tuner.plans(), tuner.folder)
        return
    outcome = tuner.run()
    printer.show_end(outcome, tuner.folder)
    if options.study.json:
        _print_json(outcome, tuner.folder, time.perf_counter() - started)


class _Printer(Callback):
    """Prints what is found: on standard output, but for --json, which has that for itself."""

    def __init__(self, options: SearchOptions) -> None:
        self._console = text_console(sys.stderr if options.study.json else sys.stdout)
        self._last_stage = options.stage_names[-1:]
        self._found: list[StageResult] = []

    def search_finished(self, result: Result) -> None:
        print_stage(result, self._console)
        if not isinstance(result, StageResult):
            return
        self._found.append(result)
        if result.winner and result.sweep > 1 and (result.stage,) == self._last_stage:
            self._console.print(describe_sweep(self._found, result.sweep), soft_wrap=True)

    def show_end(self, outcome: Outcome, folder: Path) -> None:
        if outcome.finetune:
            print_finetune(outcome.finetune, self._console)
        if outcome.reading:
            self._console.print(describe_reading(outcome.reading), soft_wrap=True)
        self._console.print(f"results: {shown(folder)}", soft_wrap=True)


def _print_json(outcome: Outcome, folder: Path, seconds: float) -> None:
    made_of, results, finetune = read_facts(folder), outcome.results, outcome.finetune
    told = {}
    if results:
        told = result_json(results, folder, made_of, Ledger(folder), seconds, outcome.reading)
    elif finetune:
        told = finetune_json(finetune, folder, made_of, seconds)
    print(json.dumps({**told, **({"finetune": finetune.to_dict()} if finetune else {})}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
