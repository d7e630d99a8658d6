"""Notes of people on a study and on its trials: a file in the study's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.schema import require_schema
from search.study.formats import NOTES
from search.study.layout import Layout

MOST_CHARACTERS = 4_000


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Notes on a study ("" for none), and on its trials by key."""

    study: str = ""
    trials: Mapping[str, str] = field(default_factory=dict)

    def on(self, trial: str) -> str:
        """Returns the note on that trial, on the study where `trial` is empty."""
        return self.trials.get(trial, "") if trial else self.study

    @property
    def in_one_line(self) -> str:
        """What they say of the study, and how many trials have one; empty where there is none."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.study:
            yield " ".join(self.study.split())
        if self.trials:
            yield f"{len(self.trials)} trial{'s' if len(self.trials) > 1 else ''} with a note"


def read_notes(folder: Path) -> Notes:
    """Returns the notes on the study in `folder`; raises InputError where the file is damaged."""
    way_out = "restore it from a copy, or remove it"
    return read_as(Layout(folder).notes, NOTES, _notes, way_out=way_out) or Notes()


def keep_note(folder: Path, text: str, trial: str = "") -> None:
    """Keeps `text` as the note on that trial, on the study where `trial` is empty; "" removes it.

    Raises InputError for a text that is too long, and where the notes that are there are damaged.
    """
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"a note has at most {MOST_CHARACTERS:,} characters, received {len(text):,}")
    before = read_notes(folder)  # damaged notes are refused here, and not written over
    others = {key: note for key, note in before.trials.items() if key != trial}
    after = replace(before, trials={**others, **({trial: text} if text else {})})
    kept = after if trial else replace(before, study=text)
    write_json(Layout(folder).notes, {"format": NOTES.number, **asdict(kept)})


def _notes(values: Mapping[str, Any]) -> Notes:
    notes = Notes(**values)
    require_schema(notes)
    return notes
