"""What the driver itself costs: time a result, memory, and the ledger and report of a large study.

    python -m benchmarks.scale --trials 20 576 5000
    python -m benchmarks.scale --nodes 1 2 4 8 --out-trials 40 --trial-seconds 4
    python -m benchmarks.scale --trials --nodes 8 --pack 8 --out-trials 320

A joint search at random is run as `search.run` runs it (driver, ledger, live state, stage file), but for
its trials, which train nothing: they report their epochs as fast as they can. With --nodes they sleep as
long as a real one, and the search runs on Rays of so many nodes of one CPU each, all on this machine.
"""

from __future__ import annotations

import argparse
import functools
import io
import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from benchmarks.idle import idle_pack, idle_trial
from benchmarks.measure import Cost, cost_of, in_own_process, machine, machine_in_words, write_result
from benchmarks.studies import random_problem
from search.callbacks.callback import Callback
from search.space.joint_space import RANGES
from search.study.folder import open_study
from trainables import pack_worker, worker
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult

IMAGES = 100  # of the study: the splits travel to every worker


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints it, and returns the exit code."""
    arguments = _parser().parse_args(argv)
    result: dict[str, Any] = {"benchmark": "scale", "epochs": arguments.epochs, "driver": [], "nodes": []}
    for trials in arguments.trials:
        measured = in_own_process("tensorflow", 1, measure_driver, trials, arguments.epochs)
        result["driver"].append(measured)
        print(driver_line(measured), flush=True)
    epoch_s = arguments.trial_seconds / arguments.epochs
    for nodes in arguments.nodes:
        measured = in_own_process(
            "tensorflow",
            1,
            measure_nodes,
            nodes,
            arguments.out_trials,
            arguments.epochs,
            epoch_s,
            arguments.pack,
        )
        result["nodes"].append({**measured, "efficiency": efficiency(measured, arguments.trial_seconds)})
        print(nodes_line(result["nodes"][-1]), flush=True)
    result["machine"] = machine()
    print(f"  {machine_in_words(result['machine'])}")
    write_result(result, arguments.json)
    return 0


@dataclass
class Clock(Callback):
    """A callback that notes when the first epoch and the last end came."""

    first_epoch_at: float = math.inf
    last_end_at: float = 0.0
    first_cpu_s: float = math.inf
    last_cpu_s: float = 0.0
    results: int = 0

    def epoch_ended(self, trial: Trial, metrics: EpochMetrics) -> None:
        """Notes the time and counts the result."""
        self.first_epoch_at = min(self.first_epoch_at, time.perf_counter())
        self.first_cpu_s = min(self.first_cpu_s, time.process_time())
        self.results += 1

    def trial_ended(self, result: TrialResult) -> None:
        """Notes the time."""
        self.last_end_at = time.perf_counter()
        self.last_cpu_s = time.process_time()


@dataclass
class IdleStudy:
    """A study in `folder` whose trials are idle, an epoch `epoch_s` long; so many go as a pack."""

    folder: Path
    epochs: int
    epoch_s: float = 0.0
    pack: int = 1
    clock: Clock = field(default_factory=Clock)

    def search(self, trials: int, address: str | None) -> Cost:
        """Runs a joint search of `trials` at random and returns what it cost this process, start included."""
        from search.callbacks.live_state_writer import LiveStateWriter
        from search.options.run_groups import MachineOptions
        from search.ray_tune.driver import Driver
        from search.ray_tune.workers import WorkerPool
        from search.strategies.joint import run_joint
        from search.strategies.joint_plan import JointPlan
        from search.study.ledger import Ledger
        from search.study.search_id import SearchId, SearchKind
        from search.study.stage_results import StageFiles

        problem = random_problem(self.folder, IMAGES, "jax" if self.pack > 1 else "tensorflow")
        open_study(self.folder, problem.facts())
        ledger = Ledger(self.folder)
        plan = JointPlan(
            problem=problem,
            base=TrialConfig(epochs=self.epochs),
            taken_over={},
            space=dict(RANGES),
            search="random",
            scheduler="none",
            samples=trials,
            time_budget_s=None,
            repeats=1,
        )
        resources = MachineOptions(address=address, cpus_per_trial=1, pack=self.pack)
        checkpoints = self.folder / "checkpoints"
        callbacks = (LiveStateWriter(self.folder, {"address": address}), self.clock)
        idle, idle_together = (
            functools.wraps(work)(functools.partial(work, epoch_s=self.epoch_s))
            for work in (idle_trial, idle_pack)
        )
        with (
            patch.object(worker, "train_trial", idle),
            patch.object(pack_worker, "train_pack", idle_together),
            Driver(problem, self.folder / "cache", checkpoints, resources, ledger.record) as driver,
        ):
            pool = WorkerPool(driver.problem, lambda: driver, Console(file=io.StringIO()), callbacks)
            workers = pool.workers(SearchId(SearchKind.JOINT, plan.search), plan.label)
            cost = cost_of(lambda: StageFiles(self.folder).write(run_joint(plan, ledger, workers)))
        callbacks[0].close()
        return cost


def measure_driver(trials: int, epochs: int) -> dict[str, Any]:
    """Returns the driver's cost and memory with that many trials, and what ledger and report then take.

    Seconds a result count from the first epoch to the last end; a result is an epoch of a trial.
    """
    from search.report.writer import write_report
    from search.study.ledger import Ledger
    from search.study.study import Study

    with tempfile.TemporaryDirectory() as folder:
        study = IdleStudy(Path(folder), epochs)
        before_mib = peak_mib()
        cost = study.search(trials, None)
        driver_mib = peak_mib()
        ledger_s = cost_of(lambda: list(Ledger(study.folder).results())).wall_s
        report_s = cost_of(
            lambda: write_report(Study(study.folder).snapshot(), study.folder / "report", "")
        ).wall_s
    clock = study.clock
    return {
        "trials": trials,
        "results": clock.results,
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
        "wall_ms_a_result": 1000 * (clock.last_end_at - clock.first_epoch_at) / clock.results,
        "cpu_ms_a_result": 1000 * (clock.last_cpu_s - clock.first_cpu_s) / clock.results,
        "peak_mib": driver_mib,
        "peak_mib_before": before_mib,
        "ledger_s": ledger_s,
        "report_s": report_s,
        "peak_mib_with_report": peak_mib(),
    }


def measure_nodes(nodes: int, trials: int, epochs: int, epoch_s: float, pack: int) -> dict[str, Any]:
    """Returns how long the search takes on `nodes` of one CPU each; `start_s` goes before the first epoch."""
    with tempfile.TemporaryDirectory() as folder, _cluster(nodes) as address:
        study = IdleStudy(Path(folder), epochs, epoch_s, pack)
        started = time.perf_counter()
        study.search(trials, address)
    clock = study.clock
    return {
        "nodes": nodes,
        "trials": trials,
        "pack": pack,
        "start_s": clock.first_epoch_at - epoch_s - started,
        "trained_s": clock.last_end_at - clock.first_epoch_at + epoch_s,
    }


def efficiency(measured: dict[str, Any], trial_s: float) -> float:
    """Returns the share of the nodes' time, from the first trial's begin to the last one's end, in trials."""
    programs = measured["trials"] / measured["pack"]  # a pack takes as long as one of its trials
    return float(programs * trial_s / (measured["nodes"] * measured["trained_s"]))


def peak_mib() -> float:
    """Returns the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def driver_line(measured: dict[str, Any]) -> str:
    """Returns what the driver cost, as a line."""
    return (
        f"{measured['trials']:>5} trials, {measured['results']:>6} results: "
        f"{measured['wall_ms_a_result']:.2f} ms a result ({measured['cpu_ms_a_result']:.2f} ms CPU), "
        f"driver {measured['peak_mib']:.0f} MiB at most; ledger read in {measured['ledger_s']:.1f} s, "
        f"report written in {measured['report_s']:.1f} s"
    )


def nodes_line(measured: dict[str, Any]) -> str:
    """Returns what came of so many nodes, as a line."""
    packs = f" in packs of {measured['pack']}" if measured["pack"] > 1 else ""
    return (
        f"{measured['nodes']:>5} nodes, {measured['trials']} trials{packs}: {measured['trained_s']:.1f} s "
        f"and {measured['start_s']:.1f} s to start; efficiency {measured['efficiency']:.0%}"
    )


@contextmanager
def _cluster(nodes: int) -> Iterator[str]:
    """Gives the address of a Ray of `nodes` with one CPU each on this machine."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="Cost and memory of the driver, and how trials spread over nodes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    counts: dict[str, Any] = {"type": int, "nargs": "*", "metavar": "N"}
    parser.add_argument("--trials", **counts, default=[20, 576, 5000], help="of searches by the driver alone")
    parser.add_argument("--nodes", **counts, default=[], help="of one CPU each, to spread trials over")
    parser.add_argument("--epochs", type=int, default=5, help="that a trial reports")
    parser.add_argument("--out-trials", type=int, default=40, help="that are spread over the nodes")
    parser.add_argument("--pack", type=int, default=1, metavar="N", help="trials that make a pack")
    parser.add_argument("--trial-seconds", type=float, default=4.0, help="that each of these sleeps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
