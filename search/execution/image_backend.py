"""The backend of Keras on which a study trains networks on images, chosen before the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search.finetune.plan import FinetunePlan
from search.strategies.plans import Plan, base_of, expected_trials, missing_trials
from search.strategies.preparation import Prepared
from search.study.setup import Problem
from trainables.backend_speed import Work, faster_backend
from trainables.trial import Trial


def on_faster_backend(prepared: Prepared, plans: Sequence[Plan], finetune: FinetunePlan | None) -> Problem:
    """Returns the problem, with the backend on which its networks on images train faster on this machine.

    That is measured before the first of them is trained, where nobody asks for a backend. The report's data
    keeps its own, as its numbers hang on no machine; so do networks of the user's own code, and workers
    elsewhere.
    """
    problem, options, machine = prepared.problem, prepared.options, prepared.options.machine
    is_fixed = problem.is_reports or options.space.network or machine.address or problem.image_backend
    if is_fixed or not machine.leaves_backend_open:
        return problem
    trials = [trial for trial in _to_train(prepared, plans, finetune) if trial.config.trains_on_images]
    if not trials or any(result.trial.config.trains_on_images for result in prepared.ledger.results()):
        return problem
    rows = {split.name: len(split.train) for split in problem.splits}
    share = machine.trial_cpus, machine.gpus_per_trial
    works = [
        Work.training(trial.config, rows.get(trial.split, max(rows.values())) * trial.config.epochs, *share)
        for trial in trials
    ]
    # of all that is trained the costliest tells, and whether the whole pays
    work = replace(max(works, key=lambda each: each.gflop), images=sum(each.images for each in works))
    faster = faster_backend(work, problem.keras_backend, options.study.cache)
    return problem if faster == problem.keras_backend else replace(problem, image_backend=faster)


def _to_train(prepared: Prepared, plans: Sequence[Plan], finetune: FinetunePlan | None) -> list[Trial]:
    """Returns the trials that the search will train, as far as is known; of fine-tuning what is likely."""
    trials = expected_trials(plans, prepared.ledger)
    if finetune:
        return [*trials, *missing_trials(finetune, prepared.ledger)]
    options, problem = prepared.options, prepared.problem
    if not options.wants_finetuning:
        return trials
    config, _ = base_of([], options.given, {}, problem.bn_statistics)
    blocks = (replace(config, unfrozen_blocks=number) for number in options.final_model.blocks)
    seeds = range(options.deciding.first_repeats)
    return trials + [
        problem.trial(replace(each, seed=seed), split.name)
        for each in blocks
        for seed in seeds
        for split in problem.splits
    ]
