"""Titles, statements and remarks of stages, as the report and the page write them."""

from __future__ import annotations

from collections.abc import Sequence

from search.space.labels import title_of
from search.statistics.baselines import NO_GAIN, Baseline
from search.statistics.number_text import NONE, decimal
from search.statistics.verdict_text import SINGLE_RUNS, flattered, verdict_word
from search.study.stage_results import Entry, Result
from trainables.trial import TrialConfig

_SAYS = {
    "clear": "told apart from all others that finished",
    "equivalent": "those not told apart differ by less than the margin",
    "undecided": "too few repeats to tell",
    "tied": "not told apart from the next best",
    "single": SINGLE_RUNS,
    NO_GAIN: "nothing is better than always giving one answer",
}


def stage_title(result: Result) -> str:
    """Returns what heads the part of the report on `result`."""
    title = title_of(result.stage)
    if result.sweep > 1:
        return f"{title}, sweep {result.sweep}"
    return f"{title}, untuned" if result.stage == "backbone" else title


def statement_of(result: Result) -> str:
    """Returns the statement on who won as a sentence, which says so where nothing was repeated."""
    words = result.statement
    if result.verdict == "single" and SINGLE_RUNS not in words:
        words += f" ({SINGLE_RUNS})"
    if result.winner and result.corrected is not None and len(result.entries) > 1:
        words += f"; {flattered(result.entry_of(result.winner).mean, result.corrected)}"
    return f"Found: {words}."


def verdict_in_words(verdict: str, not_for_new: str, statement: str) -> str:
    """Returns a verdict, and what that word means: "tied (not told apart from the next best)"."""
    return f"{verdict_word(verdict, not_for_new)} ({_SAYS.get(verdict, statement)})"


def trains_nothing(config: TrialConfig) -> bool:
    """Returns whether BatchNorm gets one example per step, which lets no gradient through."""
    return config.batch_size == 1 and config.backbone != "hassner"


def remark(entry: Entry, result: Result) -> str:
    """Returns how `entry` stands: winner, tied or worse, how its runs ended, and what a reader must know."""
    words = [result.standing(entry)]
    if entry.status != "COMPLETED":
        words.append(entry.status + (f": {' '.join(entry.reason.split())}" if entry.reason else ""))
    if entry.one_class_remark:
        words.append(entry.one_class_remark)
    if trains_nothing(entry.config):
        words.append("BatchNorm with one sample trains nothing")
    return "; ".join(word for word in words if word)


def baseline_rows(
    baselines: Sequence[Baseline], columns: Sequence[str], *, value: str, remark: str, beside: str = ""
) -> list[Sequence[str]]:
    """Returns a row of a table of `columns` for each baseline: its mean is in the column `value`.

    `beside` tells in the column `remark` what the baseline is to be compared with, where not with the others.
    """
    rows: list[Sequence[str]] = []
    said = "; ".join(filter(None, ["baseline", beside]))
    for baseline in baselines:
        cells = dict.fromkeys(columns, NONE) | {columns[0]: baseline.title}
        rows.append(list((cells | {value: decimal(baseline.mean), remark: said}).values()))
    return rows


def winner_rows(result: Result) -> frozenset[int]:
    """Returns the numbers of the entries of `result` that won, which its table stresses."""
    return frozenset(number for number, entry in enumerate(result.entries) if entry.config == result.winner)
