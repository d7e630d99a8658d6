"""Tables of what a stage found, for a person at a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.finetune.plan import FinetunePlan
from search.options.search_options import SearchOptions
from search.space.labels import COMPARED, describe_config, label_of, show_value
from search.statistics.baselines import LINEAR, NO_GAIN, Baseline
from search.statistics.number_text import decimal
from search.statistics.verdict_text import flattered
from search.strategies.estimate import Estimate, estimate, extraction_s
from search.strategies.plans import Plan, expected_trials, missing_trials, stage_plans
from search.strategies.staged import StagePlan
from search.study.descriptions import clock_time, describe_data, weights_in_words
from search.study.finetune_result import FINETUNE_METRICS, ColumnResult, FinetuneResult
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import Entry, PopulationResult, Result, StageResult
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import Trial

_HEADS = {
    "accuracy": "acc",
    "val_accuracy": "val acc",
    "loss": "loss",
    "val_loss": "val loss",
    "auc": "val AUC",
}


LISTED_TRIALS = 40
_NAME = len("linear classifier")  # columns


def print_setting(plan: Plan, console: Console) -> None:
    """Prints what is about to be trained on what, and where each fixed value comes from."""
    print_problem(plan.problem, console)
    console.print(Text(f"values    {_held(plan)}"), soft_wrap=True)


def print_problem(problem: Problem, console: Console) -> None:
    """Prints the data, and the networks that are trained on it."""
    facts = problem.facts()
    for line in (
        f"data      {describe_data(facts)}",
        f"networks  {weights_in_words(problem.weights, problem.feature_precision)}, "
        f"Keras on {facts.backends}",
    ):
        console.print(Text(line), soft_wrap=True)


def _held(plan: Plan) -> str:
    """Returns where each value that the plan holds comes from, in words."""
    names_by_origin: dict[str, list[str]] = {}
    for name, origin in plan.taken_over.items():
        names_by_origin.setdefault(origin, []).append(name)
    return "; ".join(
        f"{origin}: {describe_config(plan.base, names)}" for origin, names in names_by_origin.items()
    )


def print_begin(plan: Plan, ledger: Ledger, console: Console) -> None:
    """Prints what is about to be trained, and how much of it is done already."""
    print_setting(plan, console)
    for note in _notes_on(plan):
        console.print(Text(note), soft_wrap=True)
    total, missing = len(plan.trials()), len(missing_trials(plan, ledger))
    if missing < total:
        console.print(f"{total - missing} of {total} trials are done already")


def print_next(
    plan: Plan, options: SearchOptions, ledger: Ledger, console: Console, *, running: bool
) -> None:
    """Prints what is about to be trained, and of several stages how long all that are left will take.

    Where Ray is `running` nothing waits for it.
    """
    print_begin(plan, ledger, console)
    if options.is_joint or len(options.stage_names) < 2:
        return
    trials = expected_trials(stage_plans(options, plan.problem, ledger.folder), ledger)
    features_s = extraction_s(trials, plan.problem, options.study.cache)
    left = estimate(trials, ledger.results(), plan.problem, features_s, running=running)
    print_estimate(len(trials), left, console, title="plan      ")


def print_stage_plan(plan: Plan, console: Console) -> None:
    """Prints which search a plan is of, and what it holds."""
    name = f"stage {plan.stage.name}" if isinstance(plan, StagePlan) else "joint search"
    console.print(Text(f"{name}, with {_held(plan)}", style="bold"))


def print_plan(
    plan: Plan | FinetunePlan,
    missing: Mapping[str, Trial],
    console: Console,
    *,
    listed: Collection[str] = (),
) -> None:
    """Prints the first trials of a plan, and which of them have to be trained; those `listed` are counted."""
    known = plan.trials()
    trials = [trial for trial in known if trial.key not in listed]
    for note in _notes_on(plan):
        console.print(Text(note))
    for trial in trials[:LISTED_TRIALS]:
        state = "to train" if trial.key in missing else "done"
        console.print(Text(f"{trial.key}  {state:<9} {plan.label(trial)}"), soft_wrap=True)
    if len(trials) > LISTED_TRIALS:
        console.print(f"… and {len(trials) - LISTED_TRIALS} more")
    if len(trials) < len(known):
        console.print(f"and {len(known) - len(trials)} that an earlier stage lists, too")
    if not known:
        for values in _first_values(plan):
            console.print(Text(f"first     {values}"), soft_wrap=True)
        console.print(f"{getattr(plan, 'samples', None)} configurations, chosen while it runs")


def print_estimate(count: int, expected: Estimate, console: Console, title: str = "") -> None:
    """Prints how long `count` trials will take, after a `title`."""
    basis = "from this study's trials" if expected.measured else "a rough guess, nothing was timed here yet"
    trials = "1 trial" if count == 1 else f"{count} trials"
    console.print(
        f"{title}{trials} to train, about {clock_time(expected.total_s)} on one worker, "
        f"of which features take {clock_time(expected.feature_s)} and compiling "
        f"{clock_time(expected.compile_s)} ({basis})",
        highlight=False,
        soft_wrap=True,
    )


def print_stage(result: Result, console: Console) -> None:
    """Prints the table of a stage, what is to be said of its rows, and who won."""
    repeated = any(len(entry.trials) > 1 for entry in result.entries)
    title, varied = "Joint search", "configuration"
    if isinstance(result, StageResult):
        title, varied = f"Stage {result.stage}", label_of(result.hyperparameter)
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column(varied, overflow="fold", min_width=_NAME)  # its words stay whole on a narrow terminal
    known = any(entry.train_accuracy_at_inference is not None for entry in result.entries)
    figures = (result.objective.short_name, *["±"] * repeated, "best", "epoch", *["train"] * known, "seconds")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for number, entry in enumerate(result.entries):
        label, remark = Text(_label(number, entry, result)), Text(_remark(entry, result))
        table.add_row(
            label, *_cells(entry, repeated=repeated, known=known), remark, style=_style(entry, result)
        )
    add_baselines(table, result.baselines, len(table.columns))
    console.print(table)
    for line in _remarks(result):
        console.print(Text(line, style="dim"))
    if result.winner and result.corrected is not None and len(result.entries) > 1:
        mean = result.entry_of(result.winner).mean
        console.print(Text(f"note: {flattered(mean, result.corrected)}", style="dim"))
    no_gain = result.verdict == NO_GAIN
    console.print(Text(result.statement if no_gain else f"winner: {result.statement}"))


def print_notes(results: Sequence[Result], console: Console) -> None:
    """Prints what the columns of the tables of `results` mean, and the notes on them, each once."""
    lines = [_what_it_is(result.objective) for result in results]
    if any(entry.train_accuracy_at_inference is not None for each in results for entry in each.entries):
        lines.append("train: accuracy on training rows at inference, after the last epoch")
    lines += [f"note: {note}" for result in results for note in result.notes]
    for line in dict.fromkeys(lines):
        console.print(Text(line, style="dim"))


def add_baselines(table: Table, baselines: Sequence[Baseline], columns: int, at: int = 1) -> None:
    """Adds a row for each baseline, with its mean in the column of that number, from 0."""
    alone = sum(each.name == LINEAR for each in baselines) == 1
    for baseline in baselines:
        cells = [""] * (columns - 2)
        cells[at - 1] = decimal(baseline.mean)
        title = baseline.short_title if alone else baseline.title
        table.add_row(Text(title), *cells, Text("baseline"), style="dim")


def _what_it_is(objective: Objective) -> str:
    if objective.metric == OBJECTIVE.metric:
        return "mean val acc: mean over the epochs of the validation accuracy"
    less = ", less is better" if objective.mode == "min" else ""
    when = "" if "epoch" in objective.name else " of the last epoch"
    return f"{objective.short_name}: {objective.name}{when}{less}"


def _cells(entry: Entry, *, repeated: bool, known: bool) -> list[str]:
    figures = [entry.mean, *([entry.spread] if repeated else []), entry.best_val_accuracy]
    epoch = "-" if entry.best_epoch is None else str(entry.best_epoch)
    trained = [decimal(entry.train_accuracy_at_inference)] * known
    return [*map(decimal, figures), epoch, *trained, f"{entry.seconds:.1f}"]


def _notes_on(plan: Plan | FinetunePlan) -> list[str]:
    if isinstance(plan, StagePlan | FinetunePlan):
        return []
    members = [f"{len(plan.trials())} members, trained anew"] if plan.is_population else []
    return [*plan.starts.notes, *members]


def _first_values(plan: Plan | FinetunePlan) -> list[str]:
    if isinstance(plan, StagePlan | FinetunePlan):
        return []
    return [describe_config(config, plan.space) for config in plan.starts.configs]


def _label(number: int, entry: Entry, result: Result) -> str:
    """Returns what the entry of that number, from 0, is called; a population's members have its order."""
    if isinstance(result, StageResult):
        return show_value(entry.value)
    values = describe_config(entry.config, result.settings.get("space", COMPARED))
    if isinstance(result, PopulationResult):
        return f"member {result.members[number]['number']}: {values}"
    return values


def _remark(entry: Entry, result: Result) -> str:
    words = [result.standing(entry)]
    if entry.status != "COMPLETED":
        words.append(entry.status)
    return ", ".join(filter(None, words))


def _remarks(result: Result) -> Iterator[str]:
    """Yields what is to be said of single rows: a column of words would leave no room for their names."""
    labels = [_label(number, entry, result) for number, entry in enumerate(result.entries)]
    for label, entry in zip(labels, result.entries, strict=True):
        if entry.reason:
            yield f"{label}: {entry.status}: {entry.reason}"
        if entry.one_class_remark:
            yield f"{label}: {entry.one_class_remark}"
    trials = {key for entry in result.entries for key in entry.trials}
    reused = {key for entry in result.entries for key in entry.reused}
    if reused:
        yield f"{len(reused)} of {len(trials)} trials were trained before"


def _style(entry: Entry, result: Result) -> str:
    return "bold" if entry.config == result.winner else ""


def print_finetune_setting(plan: FinetunePlan, console: Console) -> None:
    """Prints what is about to be trained."""
    names = [name for name in plan.winner.to_dict() if name != "seed"]
    lines = [f"winner    of {plan.origin}: {describe_config(plan.winner, names)}"]
    if plan.pretraining:
        facts = plan.pretraining.facts()
        lines.append(f"pretrains on {facts.images:,} images of {facts.source}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_finetune(result: FinetuneResult, console: Console) -> None:
    """Prints one row per column of the report's final table, and the verdict."""
    table = Table(title="Stage finetune, last epoch", title_justify="left", box=None, padding=(0, 1))
    table.add_column("", overflow="fold")
    for metric in result.metrics:
        table.add_column(_HEADS.get(metric, label_of(metric)), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in result.columns:
        figures = (_shown(column, metric) for metric in result.metrics)
        table.add_row(Text(column.title), *figures, result.standing(column))
    at = 1 + FINETUNE_METRICS.index("val_accuracy")
    add_baselines(table, result.baselines, len(table.columns), at)
    console.print(table)
    console.print(Text(result.statement), soft_wrap=True)
    if result.decided_by:
        console.print(Text(result.decided_by), soft_wrap=True)
    if result.calibration:
        console.print(Text(f"final model: {result.calibration.statement}"), soft_wrap=True)


def _shown(column: ColumnResult, metric: str) -> str:
    mean, spread = column.figures[metric]
    if mean is None:
        return "failed" if metric == FINETUNE_METRICS[0] else ""
    # below the mean: five pairs side by side are wider than a terminal
    return f"{mean:.4f}" if spread is None else f"{mean:.4f}\n±{spread:.4f}"
