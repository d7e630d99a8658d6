"""python -m search.compare: staged against joint, of one study or several, on the same data."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_prep.command_line.completion import completing
from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.options.types import add_storage, offer_studies
from search.space.labels import COMPARED, describe_config
from search.statistics.number_text import decimal
from search.study.snapshot import Snapshot
from search.study.stage_results import JointResult, PopulationResult, Result, winner_of
from search.study.study import Study
from trainables.trial import TrialConfig

SAME = ("data_digest", "split", "weights", "keras_backend", "feature_precision")


@dataclass(frozen=True)
class Line:
    """One way of searching in one study: its best objective, and what it cost in trials and trial seconds.

    `best` is None, and `runs` 0, where nothing was trained with just the winner's values: stages that were
    run out of order found them one by one.
    """

    study: str
    way: str
    best: float | None
    runs: int
    trials: int
    seconds: float
    winner: Mapping[str, Any]
    verdict: str


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the comparison; returns 0 done, 1 told in one line, 2 wrong usage."""
    return exit_code(lambda: _compare(argv))


def _compare(argv: Sequence[str] | None) -> None:
    arguments = completing(_parser()).parse_args(argv)
    studies = [Study.find(name, arguments.storage).snapshot() for name in arguments.studies]
    for sentence in (sentence for study in studies for sentence in study.unread):
        print(f"warning: {sentence}", file=sys.stderr)
    lines = compare_studies(studies)
    if arguments.json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        _print(lines, text_console())


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.compare",
        description="Staged against joint search: best objective, trials, seconds, and each one's winner.",
    )
    studies = parser.add_argument(
        "studies", nargs="+", metavar="STUDY", help="names below the storage, or folders"
    )
    offer_studies(studies)
    add_storage(parser)
    parser.add_argument("--json", action="store_true", help="one JSON array on standard output")
    return parser


def compare_studies(studies: Sequence[Snapshot]) -> list[Line]:
    """Returns a line for the staged and one for the joint search of each study, as far as they were run.

    Raises InputError where a study stands there twice, where the studies are not of the same data, split,
    weights and backend, and where there are not two lines to compare.
    """
    _require_different(studies)
    _require_same(studies)
    lines = [line for study in studies for line in _lines(study)]
    if len(lines) < 2:
        folders = ", ".join(str(study.folder) for study in studies)
        raise InputError(
            f"a comparison needs two finished searches, {folders} has {len(lines)}; "
            "run --stage all and --mode joint"
        )
    return lines


def _require_different(studies: Sequence[Snapshot]) -> None:
    places = [study.folder.resolve() for study in studies]
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise InputError(f"a study is compared with others, {twice[0]} stands there twice; name it once")


def _require_same(studies: Sequence[Snapshot]) -> None:
    first, *others = studies
    for other in others:
        for name in SAME:
            here, there = getattr(first.facts, name), getattr(other.facts, name)
            if here != there:
                raise InputError(
                    f"only searches on the same data can be compared: {name} is {here!r} in "
                    f"{first.folder} and {there!r} in {other.folder}; leave one out"
                )


def _lines(study: Snapshot) -> Iterable[Line]:
    staged = [result for result in study.staged if result.winner]
    if staged:
        keys = {key for result in staged for key in result.trial_keys()}
        stages = ", ".join(dict.fromkeys(result.stage for result in staged))
        winner, _ = winner_of(staged, study.folder)
        last = next((result for result in reversed(staged) if _compared(result, winner)), staged[-1])
        yield _line(study, f"staged ({stages})", last, winner, keys)
    for result in study.results:
        if isinstance(result, PopulationResult) and result.winner:
            way = f"joint ({result.settings['scheduler']})"
            yield _line(study, way, result, result.winner, set(), len(result.members))
        elif isinstance(result, JointResult) and result.winner:
            way = f"joint ({result.settings['search']}, {result.settings['scheduler']})"
            yield _line(study, way, result, result.winner, set(result.trial_keys()))


def _line(
    study: Snapshot, way: str, last: Result, winner: TrialConfig, keys: set[str], members: int = 0
) -> Line:
    trials = [study.trials[key] for key in sorted(keys) if key in study.trials]
    entry = last.entry_of(winner) if _compared(last, winner) else None
    return Line(
        study=study.name,
        way=way,
        best=entry.mean if entry else None,
        runs=max(1, len(entry.trials)) if entry else 0,
        trials=len(trials) + members,
        seconds=sum(trial.seconds for trial in trials or last.entries),
        winner=winner.to_dict(),
        verdict=last.verdict,
    )


def _compared(result: Result, config: TrialConfig) -> bool:
    return any(entry.config == config for entry in result.entries)


def _print(lines: Sequence[Line], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name, side in (
        ("search", "left"),
        ("best", "right"),
        ("runs", "right"),
        ("trials", "right"),
        ("trial s", "right"),
        ("winner", "left"),
    ):
        table.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]
    for line in lines:
        winner = describe_config(TrialConfig.from_dict(line.winner), COMPARED)
        cells = decimal(line.best), str(line.runs), str(line.trials), f"{line.seconds:.0f}"
        table.add_row(Text(f"{line.study} {line.way}"), *cells, Text(f"{winner} ({line.verdict})"))
    console.print(table)
    console.print("best: the winner's mean over its runs of the mean validation accuracy", style="dim")
    if any(line.best is None for line in lines):
        console.print("-: stages were run out of order; no trial has all of the winner's values", style="dim")
    if any(line.runs == 1 for line in lines):
        console.print(
            "one run each: the best of many single runs is partly luck, more so the more were tried",
            style="dim",
        )


if __name__ == "__main__":
    sys.exit(main())
