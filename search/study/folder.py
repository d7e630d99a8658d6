"""Folder of a study that is being run: made for one set of facts, held by one process at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.remote import address_of, own_place
from data_prep.storage.schema import require_schema
from search.study.facts import StudyFacts, read_facts
from search.study.formats import COMMAND, STUDY
from search.study.from_outside.stop_request import forget_stop
from search.study.layout import Layout
from search.study.stage_results import Result

KNOWN = "stagewise-known"  # marks of studies that began on this machine


def open_study(folder: Path, facts: StudyFacts) -> None:
    """Makes `folder` the study of `facts`, or checks that it already is; hold it before.

    A study without a trial takes on the facts. Raises InputError as `check_study` does, and where the
    folder cannot be written.
    """
    check_study(folder, facts)
    path = Layout(folder).facts
    try:
        if not path.exists() or read_facts(folder) != facts:
            write_json(path, {"format": STUDY.number, **facts.to_dict()})
    except OSError as error:
        raise InputError(
            f"the study's folder {folder} cannot be written ({error.strerror}); give another --storage"
        ) from None
    with suppress(OSError):  # a user who has no folder of their own
        known = own_place(KNOWN, folder)
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()


def require_not_bare(folder: Path) -> None:
    """Raises OSError where an empty folder is in the place of a study that this machine has run before."""
    if own_place(KNOWN, folder).exists() and folder.is_dir() and not any(folder.iterdir()):
        said = "it is empty, and a study lay there; if that was deleted, delete the folder, too"
        raise OSError(errno.ENODEV, said)


@contextmanager
def begun_or_gone(folder: Path) -> Iterator[None]:
    """Takes the study away that is made within, where an InputError comes before anything is trained.

    What Ray and the workers wrote into its logs stays, and so does a study that was there before.
    """
    layout = Layout(folder)
    is_new = not layout.facts.exists() and not address_of(folder)  # a bucket has got some of it by then
    place = folder.stat().st_ino
    try:
        yield
    except InputError:
        with suppress(OSError):  # a storage that is gone
            # what another one has in its place is not ours
            if is_new and folder.stat().st_ino == place and not _is_begun(layout):
                _take_away(layout)
        raise


def _is_begun(layout: Layout) -> bool:
    inside = (path for part in (layout.trials, layout.checkpoints) for path in part.rglob("*"))
    return any(path.is_file() for path in inside)


def _take_away(layout: Layout) -> None:
    for path in (layout.live, layout.command, layout.facts):
        path.unlink(missing_ok=True)
    # the deepest first; one with something in it, such as the lock, stays
    for path in sorted((path for path in layout.folder.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            path.rmdir()


def check_study(folder: Path, facts: StudyFacts) -> None:
    """Raises InputError where the study in `folder` is damaged, or has trials that were made of other facts.

    The message names what differs. Nothing is written; where there is no study nothing is wrong.
    """
    layout = Layout(folder)
    if not layout.facts.exists():
        return
    differing = list(_differing(read_facts(folder), facts))
    # without a trial nothing was made of the old facts
    if differing and any(layout.trials.glob("*.json")):
        raise InputError(
            f"the study {folder} was made with other facts: {', '.join(differing)}; give another --study name"
        )


@dataclass(frozen=True)
class Command:
    """The options of the last run of a study, when (ISO 8601, UTC) and in which folder it began."""

    argv: tuple[str, ...]
    started_at: str
    cwd: str


def keep_command(folder: Path, argv: Sequence[str]) -> None:
    """Keeps in `command.json` with which options of python -m search.run the study goes on.

    What the dashboard asked of an earlier run is forgotten.
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    kept = Command(tuple(argv), now, str(Path.cwd()))
    forget_stop(folder)  # of an earlier run
    write_json(Layout(folder).command, {"format": COMMAND.number, **asdict(kept)})


def read_command(folder: Path) -> Command | None:
    """Returns the last command, None where none was kept; raises InputError where the file is damaged."""
    way_out = "remove it, the next run writes it again"
    return read_as(Layout(folder).command, COMMAND, _command, way_out=way_out)


def _command(values: Mapping[str, Any]) -> Command:
    command = Command(**{**values, "argv": tuple(values["argv"])})
    require_schema(command)
    return command


def require_same_backbone(folder: Path, backbone: str, tuned: Iterable[Result]) -> None:
    """Raises InputError where a stage of the study in `folder` was run for another backbone."""
    for result in tuned:
        # the stage of the backbone compares several, whatever it began with
        if result.stage != "backbone" and result.base.backbone != backbone:
            raise InputError(
                f"the study {folder} was made with another backbone: stage {result.stage} has "
                f"{result.base.backbone}, this command asks for {backbone}; give another --study name"
            )


def _differing(there: StudyFacts, now: StudyFacts) -> Iterator[str]:
    for fact in fields(StudyFacts):
        before, after = getattr(there, fact.name), getattr(now, fact.name)
        # that of images is chosen as the first of them are about to be trained
        if fact.compare and before != after and (fact.name, before) != ("image_backend", None):
            yield f"{fact.name} {before!r} there and {after!r} now"
