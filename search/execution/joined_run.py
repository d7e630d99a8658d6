"""A run that holds its study, or joins another's: then what that finds is what it found."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from data_prep.storage.remote import pull
from search.execution.same_search import require_same_search
from search.options.search_options import SearchOptions
from search.study.finetune_result import read_finetune
from search.study.folder import read_command
from search.study.holding.held import HeldError, held
from search.study.holding.joining import Joined, LeftAloneError, joined
from search.study.holding.shared_work import POLL_S, Say, SharedWork
from search.study.layout import WORKERS_SEND, Layout
from search.study.outcome import Outcome
from search.study.snapshot import read_final, read_split_worth


def run_or_join(
    options: SearchOptions,
    folder: Path,
    say: Say,
    hold: Callable[[SharedWork], Outcome],
    share: Callable[[Joined], Outcome],
) -> Outcome:
    """Returns what `hold` finds in the study, or what its holder finds while this driver `share`s the work.

    `say` prints a line. Raises HeldError where another process has the study, unless `options` join that.
    """
    while True:
        if options.study.join and (outcome := _joined(options, folder, say, share)):
            return outcome
        try:
            with held(folder, say) as sharing:
                return hold(sharing)
        except HeldError:
            if not options.study.join:
                raise
        time.sleep(POLL_S * random.uniform(0.5, 1.5))  # several that begin at once would do so again


def _joined(
    options: SearchOptions, folder: Path, say: Say, share: Callable[[Joined], Outcome]
) -> Outcome | None:
    """Returns None where nobody holds the study, or nobody does any more."""
    pull(folder, WORKERS_SEND)
    with joined(folder, say) as sharing:
        if sharing is None:
            return None
        say(f"joined    the run of {sharing.holder}")
        try:
            wait_until_seen(sharing, folder)
            require_same_search(options, folder)
            return outcome_of_another(options, share(sharing), sharing)
        except LeftAloneError as error:
            say(f"taken over from {error}, which gave no sign of life")
            return None


def wait_until_seen(sharing: Joined, folder: Path) -> None:
    """Returns when the holder knows of this driver, and has kept what it was asked for.

    Raises LeftAloneError, and InputError, as `Joined.result`.
    """
    while not (sharing.is_seen() and _is_begun(sharing, folder)):
        sharing.wait()


def _is_begun(sharing: Joined, folder: Path) -> bool:
    for path in (Layout(folder).command, Layout(folder).facts):
        pull(path)
    command = read_command(folder)
    return bool(
        command and not sharing.has_ended_before(command.started_at) and Layout(folder).facts.is_file()
    )


def outcome_of_another(options: SearchOptions, outcome: Outcome, joined: Joined) -> Outcome:
    """Returns `outcome`, the results of searches, with all that the run that was joined finds until it ends.

    Raises LeftAloneError where it was killed before, and InputError where it ended before it was finished.
    """
    joined.wait_for_end()
    last = outcome.results[-1].winner if outcome.results else None
    winner, worth = last and last.to_dict(), read_split_worth(joined.folder)
    if worth and worth.config == winner:
        outcome.split_worth = worth
    if options.deciding.final:
        readings = (each for each in read_final(joined.folder) if each["config"] == winner)
        outcome.reading = next(readings, None)
    if options.wants_finetuning:
        found = read_finetune(joined.folder)
        outcome.finetune = found if found and not joined.has_ended_before(found.finished_at) else None
    missing = options.deciding.final and not outcome.reading
    if missing or (options.wants_finetuning and not outcome.finetune):
        raise joined.unfinished()
    return outcome
