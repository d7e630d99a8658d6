"""Overview of a study: how it stands, what its stages found, and the next command to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from data_prep.errors import InputError
from search.options.next_command import next_command_of
from search.output.tables import print_finetune, print_notes, print_stage
from search.space.labels import COMPARED, describe_config
from search.space.stages import EVERY_STAGE
from search.strategies.held_out import describe_reading
from search.study.descriptions import describe_data, describe_state, weights_in_words
from search.study.facts import StudyFacts
from search.study.formats import STUDY
from search.study.from_outside.notes import read_notes
from search.study.live_state import LiveTrial
from search.study.snapshot import Snapshot
from search.study.stage_results import winner_of
from trainables.features.cache import FEATURE_PRECISIONS


def print_overview(snapshot: Snapshot, console: Console) -> None:
    """Prints a study for a person: lines on its state, a table per stage, the next command."""
    facts = snapshot.facts
    lines = [
        f"study     {snapshot.folder}",
        f"state     {describe_state(snapshot.live)}",
        f"data      {describe_data(facts)}",
        f"networks  {_networks(facts)}",
        f"trials    {len(snapshot.ended_at)} have ended",
        *(f"running   {_describe_running(trial, snapshot)}" for trial in _running(snapshot)),
    ]
    try:
        notes = read_notes(snapshot.folder).in_one_line
    except InputError as error:
        notes = str(error)  # damaged notes do not hide the rest
    if notes:
        lines.append(f"notes     {notes}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    for result in snapshot.results:
        console.print()
        print_stage(result, console)
    if not snapshot.results:
        console.print("no stage has finished yet")
    if snapshot.finetune:
        console.print()
        print_finetune(snapshot.finetune, console)
    if snapshot.split_worth:
        console.print(Text(snapshot.split_worth.statement), soft_wrap=True)
    for reading in snapshot.readings:
        console.print(Text(describe_reading(reading)), soft_wrap=True)
    print_notes(snapshot.results, console)
    console.print()
    if any(result.winner for result in snapshot.results):
        winner, origin = winner_of(snapshot.results, snapshot.folder)
        names = [name for name in winner.to_dict() if name != "seed"]
        console.print(Text(f"winner    of {origin}: {describe_config(winner, names)}"))
    if command := next_command_of(snapshot):
        # to be copied: a terminal wraps it, and nobody puts an end of a line into it
        console.print(Text(f"next      {command}"), no_wrap=True, overflow="ignore", crop=False)


def overview_json(snapshot: Snapshot) -> dict[str, Any]:
    """Returns the object that `search.show --json` prints; its keys are kept for scripts."""
    live, worth = snapshot.live, snapshot.split_worth
    return {
        "study": snapshot.name,
        "folder": str(snapshot.folder),
        "state": live.state.value if live else None,
        "search": str(live.search or "") if live else None,
        "seconds_left": live.seconds_left if live else None,
        "running": [trial.key for trial in _running(snapshot)],
        "facts": {"format": STUDY.number, **snapshot.facts.to_dict()},
        "trials": len(snapshot.ended_at),
        "stages": [result.to_dict() for result in snapshot.results],
        "split_worth": worth and {**worth.to_dict(), "statement": worth.statement},
        "final": list(snapshot.readings),
        "finetune": snapshot.finetune.to_dict() if snapshot.finetune else None,
        "next": next_command_of(snapshot),
        "unread": list(snapshot.unread),
    }


def _running(snapshot: Snapshot) -> Sequence[LiveTrial]:
    """Returns the trials in training; none of a run that is over."""
    return snapshot.live.running if snapshot.live and snapshot.is_running else ()


def _networks(facts: StudyFacts) -> str:
    weights = weights_in_words(facts.weights or "unknown", facts.feature_precision or FEATURE_PRECISIONS[0])
    return f"{weights}, Keras on {facts.backends or 'unknown'}"


def _describe_running(trial: LiveTrial, snapshot: Snapshot) -> str:
    search = snapshot.live.search if snapshot.live else None
    stage = EVERY_STAGE.get(search.stage) if search else None
    values = describe_config(trial.config, [stage.hyperparameter] if stage else COMPARED)
    split = "" if trial.split == snapshot.facts.split else f", {trial.split}"
    return f"{values}, seed {trial.config.seed}{split}, epoch {len(trial.epochs)} of {trial.config.epochs}"
