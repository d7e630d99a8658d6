"""What honesty adds to the report's study: baselines, the luck of the winners, and the worth of the split.

    python -m benchmarks.additions

On features of Adience's size (random, in the cache before the clock starts), with as many people as Adience
has. The winner that is trained once more is the report's, by the product's own training, for as many of its
epochs as the product takes. The luck is that of four stages of five configurations, whose validation answers
are drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Cost, cost_of, in_own_process, machine, machine_in_words, write_result
from benchmarks.projection import EPOCHS, IMAGES, STUDY_STAGES
from benchmarks.studies import features_of, random_problem
from data_prep.audit.apart import shared_kept_apart
from search.report.published import CHOSEN
from search.statistics.winners_curse import luck_of_choice
from search.strategies.baselines import Baselines
from search.strategies.split_worth import shortened
from search.study.comparison import group_numbers
from search.study.ledger import Ledger
from trainables.backends import installed_backend
from trainables.process_setup import available_cores
from trainables.trial import TrialConfig

PEOPLE = 2_284
VALUES = 5  # of a stage
TO_REACH_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code: 1 where all takes TO_REACH_S or more."""
    arguments = _parser().parse_args(argv)
    costs = in_own_process(
        installed_backend("auto"), available_cores(), measure, arguments.images, arguments.epochs
    )
    whole = sum(costs.values(), Cost(0.0, 0.0))
    for name, cost in {**costs, "all of it": whole}.items():
        print(f"  {name:<40} {cost.wall_s:6.1f} s wall, {cost.cpu_s:6.1f} s CPU")
    print(f"  to reach: less than {TO_REACH_S:.0f} s")
    print(f"  {machine_in_words(machine())}")
    result: dict[str, Any] = {"benchmark": "additions", "images": arguments.images, "machine": machine()}
    write_result(result | {name: asdict(cost) for name, cost in costs.items()}, arguments.json)
    return 0 if whole.wall_s < TO_REACH_S else 1


def measure(images: int, epochs: int) -> dict[str, Cost]:
    """Returns what each addition takes on `images` rows; the process may import Keras."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problem = random_problem(folder, images, people=min(PEOPLE, images // 2))
        split, ledger = problem.splits[0], Ledger(folder / "study")
        backbone = TrialConfig().backbone
        baselines = Baselines(problem, ledger, folder / "cache")
        costs = {"constant answer and linear classifier": cost_of(lambda: baselines.of_study(backbone))}
        answers = np.random.default_rng(0).random((len(split.validation), VALUES)) < 0.9
        groups = group_numbers(problem, split.validation)
        costs[f"luck of {len(STUDY_STAGES)} winners"] = cost_of(
            lambda: [luck_of_choice(answers.astype(float), groups) for _ in STUDY_STAGES]
        )
        apart = shared_kept_apart(problem.manifest, split, None)
        assert apart is not None
        winner = shortened(TrialConfig(dropout=CHOSEN["dropout"], epochs=epochs), len(apart.split.train))
        features, labels = features_of(problem, folder), problem.labels
        costs["winner with people apart"] = cost_of(
            lambda: _train(winner, features, labels, apart.split.train, apart.split.validation)
        )
    return costs


def _train(config: TrialConfig, *rows: np.ndarray) -> None:
    from trainables.training.batches import Examples
    from trainables.training.training import Training

    for _ in Training(config, Examples(*rows)).epochs():
        pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.additions",
        description="What baselines, luck of winners and worth of the split add to the report's study.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=IMAGES, help="rows of features")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the winner that is trained once more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
