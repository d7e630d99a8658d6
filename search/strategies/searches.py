"""Searches as they run: the results of the stages in their order, of a joint search, of the held-out data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from data_prep.readers import Readers
from search.ray_tune.policy import Policy
from search.ray_tune.workers import Label, Workers
from search.statistics.embedding_costs import Embedding, describe_costs
from search.strategies.baselines import Baselines, make_nothing
from search.strategies.held_out import HeldOut, evaluate_winner
from search.strategies.joint_plan import JointPlan
from search.strategies.plans import Plan, joint_plan, stage_plan
from search.strategies.preparation import Prepared
from search.strategies.staged import run_stage
from search.strategies.sweeps import run_sequence
from search.study.holding.joining import Joined
from search.study.search_id import SearchId, SearchKind
from search.study.stage_results import JOINT, Entry, Result, StageFiles, StageResult
from trainables.backbones.cost import known_cost
from trainables.backbones.table import find_backbone
from trainables.features.inputs import backbone_read_by
from trainables.trial import Trial, TrialResult

Hire = Callable[[SearchId, Label], Workers]
"""Gives the workers of a search."""


class Searches:
    """Searches that are asked for; `say` hears of a plan before it runs, `make` makes features of a backbone.

    Where another driver holds the study this one has `joined` it: that one decides, and keeps the results.
    """

    def __init__(
        self,
        prepared: Prepared,
        hire: Hire,
        say: Callable[[Plan], None],
        joined: Joined | None = None,
        make: Callable[[str], None] = make_nothing,
    ) -> None:
        self._prepared, self._hire, self._say, self._joined = prepared, hire, say, joined
        cache = prepared.options.study.cache
        self.baselines = Baselines(prepared.problem, prepared.ledger, cache, make)

    def results(self) -> Iterator[Result]:
        """Trains what is missing; keeps each result and yields it, first those whose files were damaged."""
        options = self._prepared.options
        files = self._files
        # first: stages behind them take over their winners
        yield from run_sequence(self._prepared.to_decide_again, options.order, 1, files, self._stage)
        if options.is_joint:
            yield self._joint(joint_plan(options, self._prepared.problem, self._prepared.folder))
        else:
            names, sweeps = options.stage_names, options.staged.sweeps
            yield from run_sequence(names, options.order, sweeps, files, self._stage)

    @property
    def _files(self) -> StageFiles:
        folder = self._prepared.folder
        return self._joined.files if self._joined else StageFiles(folder)

    def held_out(self, result: Result) -> dict[str, Any]:
        """Reads the held-out data for the winner of `result`, once."""
        workers = self._hire(SearchId(SearchKind.HELD_OUT), lambda trial: trial.split)
        held_out = HeldOut(
            problem=self._prepared.problem,
            ledger=self._prepared.ledger,
            train=_plainly(workers),
            readers=Readers(self._prepared.options.study.cache),
            baselines=self.baselines.of,
        )
        return evaluate_winner(result, held_out)

    def _stage(self, name: str, before: Sequence[Result], sweep: int) -> StageResult:
        stage = self._prepared.options.stage_called(name)
        plan = stage_plan(self._prepared.options, self._prepared.problem, stage, before, sweep)
        self._say(plan)
        workers = self._hire(SearchId(SearchKind.STAGE, stage.name), plan.label)
        ledger, train = self._prepared.ledger, _plainly(workers)
        if self._joined:
            found = self._joined.result(name, sweep, lambda: run_stage(plan, ledger, train))
            return cast(StageResult, found)
        result = run_stage(plan, ledger, train, self._files.find(name, sweep))
        result = cast(StageResult, self.baselines.beside(result))
        # each value of these has features of its own to pay for
        if stage.hyperparameter not in ("backbone", "input_px"):
            return result
        costs = describe_costs([self._embedding(entry, result) for entry in result.entries])
        return replace(result, notes=(*result.notes, *costs))

    def _embedding(self, entry: Entry, result: StageResult) -> Embedding:
        name, cache = backbone_read_by(entry.config), self._prepared.options.study.cache
        backbone = find_backbone(name)
        cost = known_cost(backbone)
        return Embedding(
            name=name,
            mean=entry.mean,
            rival=entry.config == result.winner or bool(entry.tied),
            weights=cost.weights if cost else None,
            gflop=cost.gflop if cost else None,
            images_per_second=self._prepared.problem.extraction_rate(name, cache)
            if backbone.frozen
            else None,
        )

    def _joint(self, plan: JointPlan) -> Result:
        # Ray takes seconds to import, and stages whose trials are all there do without
        from search.strategies.joint import run_joint
        from search.strategies.population import run_population

        self._say(plan)
        workers = self._hire(SearchId(SearchKind.JOINT, plan.search), plan.label)
        if self._joined:
            # how long it may take, and what fits into that, the holder knows
            whole = replace(plan, time_budget_s=None)
            shares = plan.search != "tpe" and plan.scheduler == "none"
            ledger = self._prepared.ledger
            # searches that choose while they run, or stop some by what others do, are one driver's
            return self._joined.result(JOINT, 1, lambda: shares and run_joint(whole, ledger, workers))
        result: Result = (
            run_population(plan, workers)
            if plan.is_population
            else run_joint(plan, self._prepared.ledger, workers)
        )
        result = self.baselines.beside(result)
        self._files.write(result)
        return result


def _plainly(workers: Workers) -> Callable[[Sequence[Trial]], Mapping[str, TrialResult]]:
    """Returns the training of trials to their ends, which no scheduler and no deadline cuts."""
    return lambda trials: workers.train(trials, Policy())
