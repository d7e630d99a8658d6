"""Prerequisites of a search, as far as they can be checked before it: pictures, and room on the disks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from data_prep.errors import InputError
from data_prep.manifest import require_images
from data_prep.storage import standing
from data_prep.storage.remote import address_of
from search.options.run_groups import CallbackOptions, MachineOptions, StudyOptions
from search.study.folder import require_not_bare
from search.study.layout import Layout
from search.study.setup import Problem, are_read, rows_to_make
from search.trackers.from_options import require_trackers
from trainables.features.cache import folder_of_features
from trainables.features.inputs import find_rows
from trainables.trial import Trial

EPOCH_BYTES = 1_000  # in a trial's record and its events
TRIAL_BYTES = 20_000  # the record without epochs, its events, its place in the stage
USUAL_FEATURES = 2_048  # of a backbone that was never built
GPUS = ("nvidia[0-9]*", "kfd", "dxg")  # devices of NVIDIA, of AMD, and of any in the Linux of Windows
WHILE_MADE = 2  # times: shards lie beside the whole until that is there


def require_pictures(
    trials: Sequence[Trial],
    problem: Problem,
    pretraining: Problem | None,
    *,
    cache: Path,
    with_finetuning: bool,
) -> None:
    """Raises InputError where pictures are gone that `trials` or the fine-tuning read."""
    if with_finetuning or are_read(trials, problem, cache):
        require_images(problem.manifest, "the data")
    if pretraining is not None:
        require_images(pretraining.manifest, "--celeba")


def require_disk_space(trials: Sequence[Trial], problem: Problem, options: StudyOptions) -> None:
    """Raises InputError where the disks have too little room for `trials`; addresses are not asked."""
    for path, wanted, what in (
        (options.cache, feature_bytes(trials, problem, options), "the features of the images"),
        (options.storage, trial_bytes(trials, problem), "the results of the trials"),
    ):
        if wanted and not address_of(path):
            standing.require_disk_space(path, wanted, what)


def require_equipment(callbacks: CallbackOptions, machine: MachineOptions) -> None:
    """Raises InputError where trackers or GPUs are asked for and cannot be had."""
    require_trackers(callbacks)  # now, as the images: not after hours of training
    require_gpu(machine)


def require_gpu(machine: MachineOptions) -> None:
    """Raises InputError where trials ask for GPUs of this machine, and its system knows of none."""
    if machine.address or not machine.gpus_per_trial or sys.platform != "linux":
        return
    if not any(found for pattern in GPUS for found in Path("/dev").glob(pattern)):
        raise InputError(
            f"--gpus-per-trial {machine.gpus_per_trial:g} needs a GPU, and no driver of this machine shows "
            "one; leave it out, see whether nvidia-smi shows the GPU, or name a cluster with --address"
        )


@contextmanager
def watched_folders(study: Path, options: StudyOptions, console: Console) -> Iterator[None]:
    """Watches over study and cache: storage that fills or goes away is waited for as long as asked."""
    wait_s = options.wait_for_storage_s or 0.0

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    with (
        standing.watched(study, Layout(study).facts, wait_s, say),
        standing.watched(options.cache, folder_of_features(options.cache), wait_s, say),
    ):
        yield


def require_mounted(study: Path, cache: Path) -> None:
    """Waits for what study and cache, which are watched, lie on; raises InputError where it does not come."""
    for path in (study, cache):
        standing.require(path, standing.require_mounted)
    standing.require(study, require_not_bare)


def feature_bytes(trials: Sequence[Trial], problem: Problem, options: StudyOptions) -> int:
    """Returns about how many bytes the rows take that `trials` read and the cache does not have."""
    rows = [find_rows(name) for name in rows_to_make(trials, problem, options.cache)]
    each = [4 * (row.features or USUAL_FEATURES) if row.frozen else 3 * row.input_px**2 for row in rows]
    return WHILE_MADE * len(problem.labels) * sum(each)


def trial_bytes(trials: Sequence[Trial], problem: Problem) -> int:
    """Returns about how many bytes `trials` leave in the study's folder."""
    held = {split.name: len(split.validation) for split in problem.splits}
    outputs = 4 * (problem.classes if problem.classes > 2 else 1)
    return sum(
        TRIAL_BYTES + EPOCH_BYTES * trial.config.epochs + outputs * held.get(trial.split, 0)
        for trial in trials
    )
