"""Paths inside a study's folder: each is built here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WORKERS_SEND = ("checkpoints", "weights")  # to the address of a study: where each is written

# of a study, or of a storage's studies: what those read who only look on
LOOKED_AT = re.compile(r"([^/]+/)?(((stages|trials)/)?[^/.][^/]*\.json|logs/[^/]+\.log)")


@dataclass(frozen=True)
class Layout:
    """The paths of the study in `folder`, whether or not something lies there."""

    folder: Path

    @property
    def facts(self) -> Path:
        """The file that makes the folder a study: what all its trials have in common."""
        return self.folder / "study.json"

    @property
    def lock(self) -> Path:
        """The file that is locked while a process runs the study."""
        return self.folder / ".lock"

    @property
    def command(self) -> Path:
        """The file with the options of the last run."""
        return self.folder / "command.json"

    @property
    def live(self) -> Path:
        """The file with the live state of the latest run."""
        return self.folder / "live.json"

    @property
    def final(self) -> Path:
        """The file with the readings of held-out data."""
        return self.folder / "final.json"

    @property
    def finetune(self) -> Path:
        """The file with the result of fine-tuning."""
        return self.folder / "finetune.json"

    @property
    def stages(self) -> Path:
        """The folder of the results of stages and of the joint search."""
        return self.folder / "stages"

    def stage(self, name: str, sweep: int = 1) -> Path:
        """The file with the result of a stage; a second sweep's lies beside the first's."""
        return self.stages / (f"{name}.json" if sweep == 1 else f"{name}.{sweep}.json")

    @property
    def trials(self) -> Path:
        """The folder of the ledger."""
        return self.folder / "trials"

    def trial(self, key: str) -> Path:
        """The file with the result of a trial."""
        return self.trials / f"{key}.json"

    def predictions(self, key: str) -> Path:
        """The file with the validation probabilities of a trial."""
        return self.folder / "predictions" / f"{key}.npy"

    def log(self, key: str) -> Path:
        """The file with the last words of a worker whose trial failed more often than allowed."""
        return self.folder / "logs" / f"{key}.log"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints of running trials, a folder a key."""
        return self.folder / "checkpoints"

    @property
    def weights(self) -> Path:
        """The folder of the weights that outlast their trials, a folder a key."""
        return self.folder / "weights"

    def suggestions(self, search: str, scheduler: str) -> Path:
        """The file with what a searcher of a joint search has proposed."""
        return self.folder / "joint" / f"{search}-{scheduler}.json"

    @property
    def model(self) -> Path:
        """The final model; its record and its card lie beside it."""
        return self.folder / "winner" / "model.keras"

    @property
    def photographs(self) -> Path:
        """The picture (PNG) of what the final model says of some photographs, by python -m search.predict."""
        return self.model.with_name("photographs.png")

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.folder / "report"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.folder / "tensorboard"

    @property
    def wandb(self) -> Path:
        """The folder of the runs of Weights & Biases; wandb itself writes there, too."""
        return self.folder / "wandb"


def names_in(storage: Path) -> list[str]:
    """Returns the names of the studies below `storage`, sorted."""
    return sorted(path.parent.name for path in storage.glob(f"*/{Layout(storage).facts.name}"))
