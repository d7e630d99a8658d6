"""Register of the files of a study: what each kind is called, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.json_files import Format, read_as
from search.final_model.model_file import find_model
from search.strategies.baselines import read_baselines
from search.study.facts import read_facts
from search.study.finetune_result import read_finetune
from search.study.folder import read_command
from search.study.formats import INDEX, KEPT_TRIALS, LOGGED, MODEL, SUGGESTIONS
from search.study.from_outside.notes import read_notes
from search.study.from_outside.stop_request import read_stop
from search.study.ledger import Ledger, read_trial
from search.study.live_state import read_live
from search.study.snapshot import read_final, read_split_worth, read_stage
from trainables.training.state_file import DAMAGED, read_state

Read = Callable[[Path], object]
"""Reads a file, and raises InputError where it is damaged."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file: `pattern` is of its path below the folder, in which * stands for folders, too.

    `read` is None for what is written for people or by other programs, and never read back. Where it `may_go`
    a damaged file is put aside: the next run makes it again, or does without.
    """

    name: str
    pattern: str
    read: Read | None = None
    may_go: bool = True


def _json(known: Format) -> Read:
    return lambda path: read_as(path, known, dict, way_out="the next run writes it again")


def _state(path: Path) -> None:
    try:
        read_state(path)
    except DAMAGED as error:
        raise InputError(f"{path} is damaged ({error}); the next run that needs it makes it again") from error


def _predictions(path: Path) -> None:
    ledger = Ledger(path.parents[1], moves_damaged=False)
    if not (record := ledger.key_path(path.stem)).is_file():
        return  # a run that was killed in between leaves it, and writes it again
    ledger.predictions(read_trial(record).trial)


STUDY_KINDS = (
    # without these nothing can be made again: the facts of all trials, who saw held-out data, people's notes
    FileKind("facts", "study.json", lambda path: read_facts(path.parent), may_go=False),
    FileKind("readings", "final.json", lambda path: read_final(path.parent), may_go=False),
    FileKind("trial", "trials/*.json", read_trial),
    FileKind("predictions", "predictions/*.npy", _predictions),
    FileKind("stage", "stages/*.json", read_stage),
    FileKind("baselines", "baselines/*.json", lambda path: read_baselines(path.parents[1], path.stem)),
    FileKind("suggestions", "joint/*.json", _json(SUGGESTIONS)),
    FileKind("fine-tuning", "finetune.json", lambda path: read_finetune(path.parent)),
    FileKind("worth of the split", "split_worth.json", lambda path: read_split_worth(path.parent)),
    FileKind("command", "command.json", lambda path: read_command(path.parent)),
    FileKind("notes", "notes.json", lambda path: read_notes(path.parent), may_go=False),
    FileKind("request to stop", "stop.json", lambda path: read_stop(path.parent, "")),
    FileKind("live state", "live.json", lambda path: read_live(path.parent)),
    FileKind("record of the model", "winner/model.json", _json(MODEL)),
    FileKind("model", "winner/model.keras", lambda path: find_model(str(path), path.parent)),
    FileKind("weights", "weights/*.npz", _state),
    FileKind("checkpoint", "checkpoints/*.npz", _state),
    FileKind("note of a logged run", "wandb/logged/*.json", _json(LOGGED)),
    FileKind("what W&B wrote", "wandb/*"),
    FileKind("TensorBoard's events", "tensorboard/*"),
    FileKind("model card", "winner/model_card.md"),
    FileKind("photographs", "winner/photographs.png"),
    FileKind("report", "report/*"),
    FileKind("log", "logs/*.log"),
    FileKind("lock", ".lock"),
    FileKind("index of the ledger", ".ledger.json", _json(INDEX)),
    FileKind("index of trials", ".trials.json", _json(KEPT_TRIALS)),
    FileKind("holder", ".holder.json"),
    FileKind("lease", ".lease-*.json"),
    FileKind("sign of a driver that joined", ".joined-*.json"),
    FileKind("put aside", "*.damaged"),
    FileKind("what is being written", "*.part"),
)


def kind_of(name: str) -> FileKind | None:
    """Returns the first kind whose pattern the path `name` has, None for a file that we do not write."""
    return next((kind for kind in STUDY_KINDS if fnmatchcase(name, kind.pattern)), None)
