"""Chain of the stages: how far each is, who won by how much, and what it handed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from heapq import nlargest
from statistics import median

from data_prep.errors import InputError
from search.options.command_line import options_of
from search.report.published import CHOSEN
from search.report.words import stage_title, statement_of
from search.space.labels import COMPARED, describe_config, label_of, show_value, title_of
from search.space.stages import EVERY_STAGE
from search.statistics.baselines import NO_GAIN
from search.statistics.number_text import decimal, low_to_high
from search.statistics.selection import TESTED
from search.statistics.verdict_text import SINGLE_RUNS, verdict_word
from search.study.descriptions import clock_time
from search.study.live_state import Live, LiveState
from search.study.search_id import SearchKind
from search.study.snapshot import Snapshot
from search.study.stage_results import JOINT, Entry, Result, StageResult
from trainables.trial import TrialConfig

DONE, RUNNING, WAITING = "done", "running", "waiting"
_FINAL_MODEL = "Final model"
_PACED = 100  # trials whose epochs say how quick a step is
_NAMED = 3  # ties named one by one; more are counted
_CUT = {LiveState.INTERRUPTED: "interrupted", LiveState.SILENT: "silent", LiveState.ENDED: "not decided"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """Link of the chain, a stage or joint search; texts are empty where there is nothing to say.

    `state` is done, running, waiting, interrupted, silent or "not decided" (the run ended without a
    result); `score` is the winner's objective; `progress` is the share of its trials that have ended, None
    but where they are trained.
    `taken_over` are the values that earlier stages handed to this one, by hyperparameter.
    """

    title: str
    state: str
    winner: str = ""
    score: str = ""
    published: str = ""
    verdict: str = ""
    margin: str = ""
    taken_over: Mapping[str, str] = field(default_factory=dict)
    time: str = ""
    progress: float | None = None


def chain_of(snapshot: Snapshot) -> list[Link]:
    """Returns what is decided in the order of its end, then what is trained now, then what is to come."""
    live, results = snapshot.live, snapshot.results
    links = [_decided(result, snapshot.facts.is_of_gender) for result in results]
    links += _final_model(snapshot)
    if live is None:
        return links
    now = searched(live)
    if now and not any(result.stage == now and _since(result, live.begun_at) for result in results):
        links.append(_current(live, title_of(now)))
    if not now and live.search and live.state is LiveState.RUNNING:
        of_model = live.search.kind is SearchKind.WEIGHTS  # else pretraining, the held-out data …
        links.append(_current(live, "Its weights" if of_model else str(live.search).capitalize()))
    return [*links, *(Link(title=title_of(name), state=WAITING) for name in planned_stages(snapshot))]


def planned_stages(snapshot: Snapshot) -> list[str]:
    """Returns the stages that the command that runs was asked for, less those it has decided or is at."""
    live = snapshot.live
    if live is None or live.state is not LiveState.RUNNING:
        return []
    done = {result.stage for result in snapshot.results if _since(result, live.started_at)}
    return [name for name in live.asked.get("stages", ()) if name not in {searched(live), *done}]


def plan_seconds_left(snapshot: Snapshot) -> float | None:
    """Returns the seconds until the last stage of the command that runs; None before its first epoch.

    An epoch takes as many steps as the batch size gives it; a step takes what it took of late.
    """
    live = snapshot.live
    if live is None or live.seconds_left is None or not snapshot.is_running:
        return None
    latest = nlargest(_PACED, snapshot.trials, key=snapshot.ended_at.__getitem__)
    paces = [
        epoch.seconds * snapshot.trials[key].trial.config.batch_size
        for key in latest
        for epoch in snapshot.trials[key].epochs[1:]  # the first compiles
    ]
    later = sum(config.epochs / config.batch_size for config in _to_come(snapshot))
    if not later or not paces:
        return live.seconds_left
    return live.seconds_left + later * median(paces) / max(1, len(live.running))


def plan_left(snapshot: Snapshot) -> str:
    """Returns the time left in words, which follow others; empty where it is not known."""
    left = plan_seconds_left(snapshot)
    return f" · about {clock_time(left)} left for the whole plan" if left else ""


def _to_come(snapshot: Snapshot) -> Iterator[TrialConfig]:
    """Yields the configurations of the stages after the one that runs, each as often as it has runs."""
    asked, last = options_of(snapshot.command), snapshot.results[-1:]
    if asked is None:
        return
    asked = asked.for_data(snapshot.facts.source)  # whose preset has the values
    base = last[0].winner if last and last[0].winner else replace(TrialConfig(), **asked.given)
    splits = len(last[0].protocol.splits) if last else 1
    for name in planned_stages(snapshot):
        with suppress(InputError):
            for config in asked.stage_called(name).configs(base):
                yield from [config] * (asked.deciding.first_repeats * splits)


def latest_result(snapshot: Snapshot) -> tuple[str, str] | None:
    """Returns title and statement of what was decided last, None before anything was."""
    found, latest = snapshot.finetune, snapshot.results[-1] if snapshot.results else None
    if found and not (latest and latest.finished_at > found.finished_at):
        return _FINAL_MODEL, f"Found: {found.statement}."
    return (stage_title(latest), statement_of(latest)) if latest else None


def searched(live: Live) -> str:
    """Returns the stage (or "joint") that `live` trains or trained last, empty for anything else."""
    stage = live.search.stage if live.search else ""
    return stage if stage in (*EVERY_STAGE, JOINT) else ""


def margin_of(result: Result) -> str:
    """Returns by how much the winner leads, or with what it is tied, in a few words."""
    others = [entry for entry in result.entries if entry.difference is not None]
    if result.winner is None:
        return "nothing finished"
    if result.verdict == NO_GAIN:
        return "no better than the constant answer"
    if result.verdict not in TESTED or not others:
        return SINGLE_RUNS
    if result.verdict != "clear":
        words = {"equivalent": "equivalent to", "undecided": "not told apart from"}.get(
            result.verdict, "tied with"
        )
        return f"{words} {_names([entry for entry in others if entry.tied is not False], result)}"
    closest = min(others, key=lambda entry: entry.difference or 0.0)
    interval = f" ({low_to_high(closest.interval)})" if closest.interval else ""
    return f"ahead by {decimal(closest.difference)}{interval}"


def _decided(result: Result, beside_published: bool) -> Link:
    handed = {
        label_of(name): show_value(getattr(result.base, name))
        for name, origin in result.taken_over.items()
        if origin.startswith(f"{SearchKind.STAGE} ")
    }
    return Link(
        title=stage_title(result),
        state=DONE,
        winner=_winner(result),
        score=decimal(result.entry_of(result.winner).mean) if result.winner else "",
        published=show_value(CHOSEN[result.stage]) if beside_published and result.stage in CHOSEN else "",
        verdict=verdict_word(result.verdict, result.not_for_new),
        margin=margin_of(result),
        taken_over=handed,
        time=clock_time(result.seconds),
    )


def _final_model(snapshot: Snapshot) -> Iterator[Link]:
    """Yields the link of fine-tuning, where it has ended."""
    found = snapshot.finetune
    winner = found and found.column(found.winner or "")
    if found and winner:
        mean, _ = winner.figures[found.objective.metric]
        yield Link(
            title=_FINAL_MODEL,
            state=DONE,
            winner=winner.title,
            score=decimal(mean),
            verdict=verdict_word(found.verdict, found.not_for_new),
            margin=f"the best of {len(found.columns)} ways",
            time=clock_time(found.seconds),
        )


def _current(live: Live, title: str) -> Link:
    running = live.state is LiveState.RUNNING
    left = "starting" if live.seconds_left is None else f"{clock_time(live.seconds_left)} left"
    return Link(
        title=title,
        state=RUNNING if running else _CUT[live.state],
        margin=f"{live.done} of {live.expected} trials",
        time=left if running else "",
        progress=min(1.0, live.done / live.expected) if live.expected else 0.0,
    )


def _winner(result: Result) -> str:
    if result.winner is None:
        return "none"
    if isinstance(result, StageResult):
        return show_value(getattr(result.winner, result.hyperparameter))
    return describe_config(result.winner, result.settings.get("space", COMPARED))


def _names(ties: list[Entry], result: Result) -> str:
    if not isinstance(result, StageResult) or len(ties) > _NAMED:
        return f"{len(ties)} other{'s' if len(ties) > 1 else ''}"
    return ", ".join(show_value(entry.value) for entry in ties)


def _since(result: Result, moment: str) -> bool:
    return result.finished_at[:19] >= moment[:19]  # both ISO 8601 and UTC, to the second
