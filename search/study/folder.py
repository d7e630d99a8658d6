"""A study: one folder, made for one data set, split and kind of weights, run by one process at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_json
from data_prep.storage.remote import is_address, located, pull, shown
from search.study.stage_results import StageResult

FORMAT = 1
WORKERS_SEND = ("checkpoints", "weights")  # to the address of a study: where each is written


def open_study(folder: Path, facts: Mapping[str, Any]) -> None:
    """Makes `folder` the study of `facts` (JSON values), or checks that it already is; hold it before.

    A study without a trial takes on the facts.

    Raises InputError as `check_study` does, and where the folder cannot be written.
    """
    check_study(folder, facts)
    path = folder / "study.json"
    try:
        if not path.exists() or _differing(folder, facts):
            write_json(path, {"format": FORMAT, **facts})
    except OSError as error:
        raise InputError(
            f"the study's folder {folder} cannot be written ({error.strerror}); give another --storage"
        ) from None


def check_study(folder: Path, facts: Mapping[str, Any]) -> None:
    """Raises InputError where the study in `folder` is damaged, or has trials that were made of other facts.

    The message names what differs. Nothing is written; where there is no study nothing is wrong.
    """
    if not (folder / "study.json").exists():
        return
    differing = _differing(folder, facts)
    if differing and any((folder / "trials").glob("*.json")):
        raise InputError(
            f"the study {folder} was made with other facts: {', '.join(differing)}; give another --study name"
        )


def read_study(folder: Path) -> dict[str, Any]:
    """Returns what the study in `folder` was made of; raises InputError where there is none."""
    path = folder / "study.json"
    try:
        made_of = json.loads(path.read_text("utf-8"))
        if made_of["format"] != FORMAT:
            raise ValueError(f"its format is {made_of['format']}, this version reads {FORMAT}")
    except FileNotFoundError:
        raise InputError(f"{folder} is not a study: it has no study.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); restore it or give another --study name") from None
    return dict(made_of)


@dataclass(frozen=True)
class Command:
    """The options of the last run of a study, when (ISO 8601, UTC) and in which folder it began."""

    argv: tuple[str, ...]
    started_at: str
    cwd: str


def keep_command(folder: Path, argv: Sequence[str]) -> None:
    """Keeps in `command.json` with which options of python -m search.run the study goes on."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    write_json(folder / "command.json", asdict(Command(tuple(argv), now, str(Path.cwd()))))


def read_command(folder: Path) -> Command | None:
    """Returns the last command, None where none was kept or it cannot be read."""
    try:
        values = json.loads((folder / "command.json").read_text("utf-8"))
        return Command(**{**values, "argv": tuple(values["argv"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_same_backbone(folder: Path, backbone: str, tuned: Iterable[StageResult]) -> None:
    """Raises InputError where a stage of the study in `folder` was run for another backbone."""
    for result in tuned:
        if result.hyperparameter != "backbone" and result.base.backbone != backbone:
            raise InputError(
                f"the study {folder} was made with another backbone: stage {result.stage} is of "
                f"{result.base.backbone}, this asks for {backbone}; give another --study name"
            )


def find_study(name: str, storage: Path) -> Path:
    """Returns the folder of the study called `name` below `storage`, or at the path or address `name`.

    What lies at an address is brought here, but for what only workers read. Raises InputError where there
    is no such study.
    """
    for folder in ([] if is_address(name) else [storage / name]) + [located(name)]:
        pull(folder, WORKERS_SEND)
        if (folder / "study.json").is_file():
            return folder.absolute()
    known = sorted(path.parent.name for path in storage.glob("*/study.json"))
    raise InputError(
        f"there is no study {name} in {shown(storage)} (there: {', '.join(known) or 'none'}); "
        "give its name, its folder, or another --storage"
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the study for this process; raises InputError where another process of this machine has it.

    The lock is the operating system's, so a killed process leaves nothing behind.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:  # an OSError too
        raise InputError(
            f"the study {folder} is being run by another process; wait for it or give another --study"
        ) from None
    except OSError as error:
        raise InputError(
            f"the study's folder {folder} cannot be written ({error.strerror}); give another --storage"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _differing(folder: Path, facts: Mapping[str, Any]) -> list[str]:
    made_of = read_study(folder)
    return [
        f"{name} {made_of.get(name)!r} there and {fact!r} now"
        for name, fact in facts.items()
        if made_of.get(name) != fact
    ]
