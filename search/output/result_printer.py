"""The printer of what a search finds: tables for a person while it runs, one JSON object at its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from data_prep.command_line.console import text_console
from data_prep.storage.remote import shown
from search.callbacks.callback import Callback
from search.options.search_options import SearchOptions
from search.output.json_objects import finetune_json, result_json
from search.output.tables import print_finetune, print_notes, print_stage
from search.strategies.held_out import describe_reading
from search.study.descriptions import describe_sweep
from search.study.facts import read_facts
from search.study.ledger import Ledger
from search.study.outcome import Outcome
from search.study.stage_results import Result, StageResult


class ResultPrinter(Callback):
    """Prints what is found: on standard output, but for --json, which has that for itself."""

    def __init__(self, options: SearchOptions) -> None:
        self._console = text_console(None if options.study.json else sys.stdout, stderr=options.study.json)
        self._last_stage = options.stage_names[-1:]
        self._found: list[StageResult] = []
        self._results: list[Result] = []

    def search_finished(self, result: Result) -> None:
        """Prints the table of a result, and after a sweep what it changed."""
        print_stage(result, self._console)
        self._results.append(result)
        if not isinstance(result, StageResult):
            return
        self._found.append(result)
        if result.winner and result.sweep > 1 and (result.stage,) == self._last_stage:
            self._console.print(describe_sweep(self._found, result.sweep), soft_wrap=True)

    def show_end(self, outcome: Outcome, folder: Path) -> None:
        """Prints what comes after the stages, the notes on all of them, and where everything lies."""
        if outcome.finetune:
            print_finetune(outcome.finetune, self._console)
        if outcome.split_worth:
            self._console.print(outcome.split_worth.statement, soft_wrap=True)
        if outcome.reading:
            self._console.print(describe_reading(outcome.reading), soft_wrap=True)
        print_notes(self._results, self._console)
        self._console.print(f"results: {shown(folder)}", soft_wrap=True)


def print_json(outcome: Outcome, ledger: Ledger, seconds: float) -> None:
    """Prints the object that `--json` promises; `seconds` is the time of the whole run."""
    folder, results, finetune = ledger.folder, outcome.results, outcome.finetune
    made_of = read_facts(folder)
    told = {}
    if results:
        told = result_json(outcome, folder, made_of, ledger, seconds)
    elif finetune:
        told = finetune_json(finetune, folder, made_of, seconds)
    print(json.dumps({**told, **({"finetune": finetune.to_dict()} if finetune else {})}, indent=2))
