"""Part of the report with the notes of people on the study and on its trials."""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.errors import InputError
from search.report.document import Block, Bullets, Paragraph, Section
from search.space.labels import COMPARED, describe_config
from search.study.from_outside.notes import Notes, read_notes
from search.study.snapshot import Snapshot


def notes_sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yields the part with the notes, nothing where there are none."""
    try:
        blocks = list(_blocks(snapshot, read_notes(snapshot.folder)))
    except InputError as error:
        blocks = [Paragraph(str(error))]
    if blocks:
        yield Section(name="notes", title="Notes", blocks=blocks)


def _blocks(snapshot: Snapshot, notes: Notes) -> Iterator[Block]:
    if notes.study:
        yield Paragraph(notes.study)
    items = [f"{_called(snapshot, key)}: {text}" for key, text in notes.trials.items()]
    if items:
        yield Bullets(items)


def _called(snapshot: Snapshot, key: str) -> str:
    result = snapshot.trials.get(key)
    if result is None:
        return f"Trial {key[:8]}"
    config = result.trial.config
    return f"Trial {key[:8]} ({describe_config(config, COMPARED)}, seed {config.seed})"
