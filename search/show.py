"""python -m search.show: how a study stands, what its stages found, and the next command to run."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from data_prep.command_line.completion import completing
from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.errors import InputError
from search.options.next_command import next_command
from search.options.types import add_study
from search.output.tables import COMPARED, print_finetune, print_stage
from search.space.labels import describe_config
from search.space.stages import STAGES
from search.strategies.held_out import describe_reading, read_final
from search.study.descriptions import clock_time, describe_data, stage_of, weights_in_words
from search.study.finetune_result import FinetuneResult, read_finetune
from search.study.folder import find_study, read_command, read_study
from search.study.live_state import Live, LiveState, LiveTrial, read_live
from search.study.stage_results import StageFiles, StageResult, winner_of
from trainables.features.cache import FEATURE_PRECISIONS


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What can be read of a study; `unread` says in a sentence each what could not be."""

    folder: Path
    facts: Mapping[str, Any]
    live: Live | None
    results: Sequence[StageResult]
    trials: int
    readings: Sequence[Mapping[str, Any]]
    finetune: FinetuneResult | None
    next: str
    unread: Sequence[str]

    @property
    def running(self) -> Sequence[LiveTrial]:
        """The trials in training; none of a run that is over."""
        return self.live.running if self.live and self.live.state is LiveState.RUNNING else ()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage."""
    return exit_code(lambda: _show(argv))


def _show(argv: Sequence[str] | None) -> None:
    arguments = completing(_parser()).parse_args(argv)
    standing = read_standing(find_study(arguments.study, arguments.storage))
    for sentence in standing.unread:
        print(f"warning: {sentence}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(_to_json(standing), indent=2))
    else:
        _print(standing, text_console())


def read_standing(folder: Path) -> Standing:
    """Returns how the study in `folder` stands; nothing is written or moved, also where a file is damaged.

    Raises InputError where `study.json` is damaged.
    """
    facts = read_study(folder)
    unread: list[str] = []
    live, readings, finetune = None, [], None
    try:
        live = read_live(folder)
    except InputError as error:
        unread.append(str(error))
    try:
        readings = read_final(folder)
    except InputError as error:
        unread.append(str(error))
    try:
        finetune = read_finetune(folder)
    except InputError as error:
        unread.append(str(error))
    results = _results(folder, unread)
    ended = finetune.finished_at if finetune else ""
    return Standing(
        folder=folder,
        facts=facts,
        live=live,
        results=results,
        trials=sum(1 for _ in (folder / "trials").glob("*.json")),
        readings=readings,
        finetune=finetune,
        next=next_command(folder, facts, results, read_command(folder), ended),
        unread=unread,
    )


def _results(folder: Path, unread: list[str]) -> list[StageResult]:
    files, found = StageFiles(folder), []
    for path in sorted((folder / "stages").glob("*.json")):
        name, _, sweep = path.stem.partition(".")
        try:
            result = files.read(name, int(sweep or 1))
        except (InputError, ValueError) as error:
            unread.append(str(error) if isinstance(error, InputError) else f"{path} is of no stage")
        else:
            found += [result] if result else []
    return sorted(found, key=lambda result: result.finished_at)


def _print(standing: Standing, console: Console) -> None:
    facts = standing.facts
    lines = [
        f"study     {standing.folder}",
        f"state     {_state(standing.live)}",
        f"data      {describe_data(facts)}",
        f"networks  {_networks(facts)}",
        f"trials    {standing.trials} have ended",
        *(f"running   {_running(trial, standing)}" for trial in standing.running),
    ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    for result in standing.results:
        console.print()
        print_stage(result, console)
    if not standing.results:
        console.print("no stage has finished yet")
    if standing.finetune:
        console.print()
        print_finetune(standing.finetune, console)
    for reading in standing.readings:
        console.print(Text(describe_reading(reading)), soft_wrap=True)
    console.print()
    if any(result.winner for result in standing.results):
        winner, origin = winner_of(standing.results, standing.folder)
        names = [name for name in winner.to_dict() if name != "seed"]
        console.print(Text(f"winner    of {origin}: {describe_config(winner, names)}"))
    console.print(Text(f"next      {standing.next}"), soft_wrap=True)


def _state(live: Live | None) -> str:
    if live is None:
        return "not begun, or made by an earlier version"
    if live.state is not LiveState.RUNNING:
        when = f"{live.written_at[:19]}Z"
        return {
            LiveState.ENDED: f"ended at {when}",
            LiveState.INTERRUPTED: f"interrupted at {when}",
            LiveState.SILENT: f"killed, it seems: silent since {when}",
        }[live.state]
    left = "" if live.seconds_left is None else f", {clock_time(live.seconds_left)} left"
    return f"running {live.search or 'its start'} on {live.host}: {live.done} of {live.expected} trials{left}"


def _networks(facts: Mapping[str, Any]) -> str:
    weights = weights_in_words(
        str(facts.get("weights", "unknown")), facts.get("feature_precision") or FEATURE_PRECISIONS[0]
    )
    return f"{weights}, Keras on {facts.get('keras_backend', 'unknown')}"


def _running(trial: LiveTrial, standing: Standing) -> str:
    stage = STAGES.get(stage_of(standing.live.search)) if standing.live else None
    values = describe_config(trial.config, [stage.hyperparameter] if stage else COMPARED)
    split = "" if trial.split == standing.facts.get("split") else f", {trial.split}"
    return f"{values}, seed {trial.config.seed}{split}, epoch {len(trial.epochs)} of {trial.config.epochs}"


def _to_json(standing: Standing) -> dict[str, Any]:
    live = standing.live
    return {
        "study": standing.folder.name,
        "folder": str(standing.folder),
        "state": live.state.value if live else None,
        "search": live.search if live else None,
        "seconds_left": live.seconds_left if live else None,
        "running": [trial.key for trial in standing.running],
        "facts": dict(standing.facts),
        "trials": standing.trials,
        "stages": [result.to_dict() for result in standing.results],
        "final": list(standing.readings),
        "finetune": standing.finetune.to_dict() if standing.finetune else None,
        "next": standing.next,
        "unread": list(standing.unread),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.show",
        description="Shows a study: its state, the tables of its stages, and the next command to run.",
        epilog="exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage",
        allow_abbrev=False,
    )
    add_study(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
