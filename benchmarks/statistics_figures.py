"""Figures of docs/statistics.md, drawn from simulated numbers: python -m benchmarks.statistics_figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from search.statistics.selection import select
from search.statistics.winners_curse import luck_of_choice

FOLDER = Path(__file__).parents[1] / "docs" / "figures"
_BLUE, _ORANGE, _GREY = "#1f6fb4", "#d1731f", "#777777"
_NOISE = 0.004  # standard deviation of an accuracy from seed to seed


def draw_chance(axes: Any) -> None:
    """Draws twenty runs of two values that are equally good."""
    scores = 0.89 + _NOISE * np.random.default_rng(6).normal(size=(2, 20))
    for row, (values, colour) in enumerate(zip(scores, (_BLUE, _ORANGE), strict=True)):
        axes.scatter(values, np.full(20, row), color=colour, s=22, alpha=0.6)
        axes.scatter(values[:1], [row], color=colour, s=90, edgecolor="black")
    axes.set(yticks=[0, 1], yticklabels=["A", "B"], ylim=(-0.6, 1.6), xlabel="accuracy")
    axes.set_xticks([0.88, 0.885, 0.89, 0.895, 0.9])
    axes.set_title("Two equal values, 20 seeds each; ringed: the first seed", fontsize=10)


def draw_pairs(axes: Any) -> None:
    """Draws runs of two values by seed, where the seed matters more than the value."""
    rng = np.random.default_rng(6)
    seeds = 0.89 + 3 * _NOISE * rng.normal(size=8)
    better, other = (seeds + step + 0.4 * _NOISE * rng.normal(size=8) for step in (0.004, 0.0))
    for number, pair in enumerate(zip(other, better, strict=True)):
        axes.plot([number, number], pair, color=_GREY, linewidth=1)
    axes.scatter(range(8), better, color=_BLUE, label="A")
    axes.scatter(range(8), other, color=_ORANGE, label="B")
    axes.set(xlabel="seed", ylabel="accuracy", xticks=range(8))
    axes.legend(frameon=False)
    axes.set_title("Seed by seed A is better, though their runs overlap", fontsize=10)


def draw_verdicts(axes: Any) -> None:
    """Draws the interval of a difference for each verdict."""
    rows = [
        ("clear", 0.012, 0.006),
        ("equivalent", 0.001, 0.003),
        ("undecided", 0.006, 0.015),
    ]
    axes.axvspan(-0.005, 0.005, color=_GREY, alpha=0.2)
    axes.axvline(0, color="black", linewidth=0.8)
    for row, (_, difference, width) in enumerate(reversed(rows)):
        axes.errorbar(difference, row, xerr=width, color=_BLUE, marker="o", capsize=4)
    axes.set(yticks=range(3), yticklabels=[name for name, *_ in reversed(rows)], ylim=(-0.6, 2.6))
    axes.set_xlabel("winner less other; grey: the margin")
    axes.set_title("Where the interval lies decides", fontsize=10)


def draw_power(axes: Any) -> None:
    """Draws how often a value that is better by two standard deviations wins clearly."""
    repeats = range(2, 11)
    for count, colour in ((2, _BLUE), (6, _ORANGE)):
        axes.plot(
            repeats, [_power(count, number) for number in repeats], color=colour, label=f"{count} values"
        )
    axes.set(xlabel="repeats", ylabel="share of studies", ylim=(0, 1))
    axes.legend(frameon=False)
    axes.set_title("A true winner is called clear", fontsize=10)


def draw_curse(axes: Any) -> None:
    """Draws the best of several equal values, as it is printed and corrected."""
    rng = np.random.default_rng(2)
    counts = (2, 4, 8, 16, 32)
    found = np.array([np.mean([_best_of(count, rng) for _ in range(60)], axis=0) for count in counts])
    axes.plot(counts, found[:, 0], color=_ORANGE, marker="o", label="the best value")
    axes.plot(counts, found[:, 1], color=_BLUE, marker="o", label="corrected")
    axes.axhline(0.89, color="black", linewidth=0.8, label="what all are worth")
    axes.set(xlabel="number of equal values", ylabel="accuracy", xscale="log", xticks=counts)
    axes.set_xticklabels(map(str, counts))
    axes.minorticks_off()
    axes.legend(frameon=False)
    axes.set_title("The best of several looks too good", fontsize=10)


def draw_baselines(axes: Any) -> None:
    """Draws a head beside what costs nothing, where three of four photographs show men."""
    names, values = ("always man", "head", "linear classifier"), (0.769, 0.765, 0.885)
    axes.barh(names, values, color=(_GREY, _ORANGE, _BLUE), height=0.6)
    axes.set(xlim=(0.5, 1), xlabel="accuracy")
    axes.set_title("0.77 sounds good until one looks beside it", fontsize=10)


FIGURES: dict[str, Callable[[Any], None]] = {
    "chance": draw_chance,
    "pairs": draw_pairs,
    "verdicts": draw_verdicts,
    "power": draw_power,
    "curse": draw_curse,
    "baselines": draw_baselines,
}


def write_figures(folder: Path) -> list[Path]:
    """Writes an SVG file for each of FIGURES into `folder`, the same bytes every time, and returns them."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "stagewise"}):  # text stays text: small
        for name, draw in FIGURES.items():
            figure = Figure(figsize=(5, 2.4), layout="constrained")
            axes = figure.add_subplot()
            draw(axes)
            axes.spines[["top", "right"]].set_visible(False)
            paths.append(folder / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def main(argv: list[str] | None = None) -> int:
    """Writes the figures, and says where they are."""
    for path in write_figures(_parser().parse_args(argv).out):
        print(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the figures")
    return parser


def _power(count: int, repeats: int) -> float:
    rng = np.random.default_rng(7)
    means = np.array([2.0] + [0.0] * (count - 1))[:, None]
    made = means + rng.normal(size=(300, count, repeats))
    runs = [("random", seed) for seed in range(repeats)]
    studies = ([dict(zip(runs, row.tolist(), strict=True)) for row in study] for study in made)
    found = [select(study) for study in studies]
    return float(np.mean([selection.verdict == "clear" and selection.winner == 0 for selection in found]))


def _best_of(count: int, rng: np.random.Generator) -> tuple[float, float]:
    right = (rng.random((400, count)) < 0.89).astype(np.float64)
    best = float(right.mean(0).max())
    return best, best - luck_of_choice(right, np.arange(400))


if __name__ == "__main__":
    raise SystemExit(main())
