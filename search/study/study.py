"""Study: one folder, made for one data set, split and kind of weights; here read, by whomever."""

from __future__ import annotations

from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, located, pull, shown
from search.study.facts import StudyFacts, read_facts
from search.study.layout import WORKERS_SEND, Layout, names_in
from search.study.snapshot import Snapshot, SnapshotReader


class Study:
    """The study in `folder`, a path or an address such as s3://bucket/results/faces.

    What lies at an address is brought here, but for what only workers read. Nothing is written or moved,
    also where a file is damaged. Raises InputError where there is no study.
    """

    def __init__(self, folder: str | Path) -> None:
        here = located(folder) if isinstance(folder, str) else folder
        pull(here, WORKERS_SEND)
        self.folder = here.absolute()
        self.layout = Layout(self.folder)
        if not self.layout.facts.is_file():
            raise InputError(
                f"{shown(here)} is not a study: it has no {self.layout.facts.name}; give a study's folder"
            )
        self._reader = SnapshotReader(self.folder)

    @classmethod
    def find(cls, name: str, storage: Path) -> Study:
        """Returns the study called `name` below `storage`, or at the path or address `name`.

        Raises InputError where there is no such study.
        """
        for folder in ([] if is_address(name) else [storage / name]) + [located(name)]:
            pull(folder, WORKERS_SEND)
            if Layout(folder).facts.is_file():
                return cls(folder)
        known = ", ".join(names_in(storage)) or "none"
        raise InputError(
            f"there is no study {name} in {shown(storage)} (there: {known}); "
            "give its name, its folder, or another --storage"
        )

    @property
    def facts(self) -> StudyFacts:
        """What all trials have in common; raises InputError where the file is damaged."""
        return read_facts(self.folder)

    def snapshot(self, *, trials: bool = True) -> Snapshot:
        """Returns what lies in the folder now; without `trials` none is parsed, which is quick.

        Raises InputError where the facts are damaged: nothing else can be understood without them.
        """
        read_facts(self.folder)
        reader = self._reader if trials else SnapshotReader(self.folder, trials=False)
        return reader.read()
