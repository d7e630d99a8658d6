"""Paths inside a study's folder: each is built here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WORKERS_SEND = ("checkpoints", "weights")  # to the address of a study: where each is written

# of a study, or of a storage's studies: what those read who only look on
LOOKED_AT = re.compile(r"([^/]+/)?(((stages|trials)/)?[^/.][^/]*\.json|logs/[^/]+\.log)")


class _Inside:
    """A path inside the folder of a Layout."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __get__(self, layout: Layout, owner: type[Layout]) -> Path:
        return layout.folder.joinpath(*self._names)


@dataclass(frozen=True)
class Layout:
    """The paths of the study in `folder`, whether or not something lies there."""

    folder: Path

    facts = _Inside("study.json")  # what all trials have in common; it makes the folder a study
    lock = _Inside(".lock")  # locked while a process runs the study
    holder = _Inside(".holder.json")  # which process that is
    command = _Inside("command.json")  # the options of the last run
    notes = _Inside("notes.json")  # of people, on the study and its trials
    stop = _Inside("stop.json")  # what the dashboard asks of the latest run
    live = _Inside("live.json")  # the live state of the latest run
    final = _Inside("final.json")  # the readings of held-out data
    split_worth = _Inside("split_worth.json")  # what the random split adds to the last winner's accuracy
    finetune = _Inside("finetune.json")  # the result of fine-tuning
    stages = _Inside("stages")  # the results of stages and of the joint search
    trials = _Inside("trials")  # the ledger
    index = _Inside(".ledger.json")  # which of its files were whole, for those who look on
    kept_trials = _Inside(".trials.json")  # what stands in them, but for the epochs
    checkpoints = _Inside("checkpoints")  # of running trials, one folder per key
    weights = _Inside("weights")  # those that outlast their trials, one folder per key
    model = _Inside("winner", "model.keras")  # the final model; its record and its card lie beside it
    photographs = _Inside("winner", "photographs.png")  # what the model says of some, by search.predict
    report = _Inside("report")
    tensorboard = _Inside("tensorboard")  # TensorBoard's event files
    wandb = _Inside("wandb")  # the runs of Weights & Biases; wandb itself writes there, too

    def stage(self, name: str, sweep: int = 1) -> Path:
        """The file with the result of a stage; a second sweep's lies beside the first's."""
        return self.stages / (f"{name}.json" if sweep == 1 else f"{name}.{sweep}.json")

    def trial(self, key: str) -> Path:
        """The file with the result of a trial."""
        return self.trials / f"{key}.json"

    def predictions(self, key: str) -> Path:
        """The file with the validation probabilities of a trial."""
        return self.folder / "predictions" / f"{key}.npy"

    def baselines(self, key: str) -> Path:
        """The file with the baselines of the rows that `key` names."""
        return self.folder / "baselines" / f"{key}.json"

    def log(self, key: str) -> Path:
        """The file with the last words of a worker whose trial failed more often than allowed."""
        return self.folder / "logs" / f"{key}.log"

    def suggestions(self, search: str, scheduler: str) -> Path:
        """The file with what a searcher of a joint search has proposed."""
        return self.folder / "joint" / f"{search}-{scheduler}.json"


def names_in(storage: Path) -> list[str]:
    """Returns the names of the studies below `storage`, sorted."""
    return sorted(path.parent.name for path in storage.glob(f"*/{Layout(storage).facts.name}"))
