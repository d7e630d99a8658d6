"""Study: one folder, made for one data set, split and kind of weights; here read, by whomever."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import InputError
from data_prep.storage.remote import is_address, is_file, located, pull, shown
from search.study.descriptions import describe_data
from search.study.facts import StudyFacts, read_facts
from search.study.finetune_result import FinetuneResult
from search.study.layout import WORKERS_SEND, Layout, names_in
from search.study.snapshot import Snapshot, SnapshotReader
from search.study.stage_results import JointResult, PopulationResult, StageResult, winner_of
from search.study.tables import epoch_table, result_table, trial_table
from trainables.trial import TrialConfig, TrialResult

if TYPE_CHECKING:
    import pandas as pd


class Study:
    """The study in `folder`, a path or an address such as s3://bucket/results/faces.

    What lies at an address is brought here once, but for what only workers read. Every method tells how
    things stand now; nothing is written or moved. A file that is damaged is left out with a warning that
    names it. Raises InputError where there is no study.
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
        self._quick_reader = SnapshotReader(self.folder, trials=False)

    @classmethod
    def find(cls, name: str, storage: Path) -> Study:
        """Returns the study called `name` below `storage`, or at the path or address `name`.

        Raises InputError where there is no such study.
        """
        # a study of the storage comes before a folder that happens to be called so
        for folder in ([] if is_address(name) else [storage / name]) + [located(name)]:
            facts = Layout(folder).facts
            if facts.is_file() or is_file(facts):  # the copy here may hold what could not be sent yet
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
        return (self._reader if trials else self._quick_reader).read()

    @property
    def unread(self) -> Sequence[str]:
        """A sentence for each file that cannot be read; what lies in the others is there."""
        return self.snapshot().unread

    def trials(self) -> pd.DataFrame:
        """Returns one row per trial that has ended, in the order of their ends; see `tables.trial_table`."""
        return trial_table(self._ended())

    def epochs(self) -> pd.DataFrame:
        """Returns one row per epoch of each trial that has ended; see `tables.epoch_table`."""
        return epoch_table(self._ended())

    @property
    def stages(self) -> Sequence[StageResult]:
        """The finished stages and sweeps, by the time they finished."""
        return self._results().staged

    @property
    def joint(self) -> JointResult | PopulationResult | None:
        """The joint search, None where none has finished."""
        return self._results().joint

    @property
    def finetune(self) -> FinetuneResult | None:
        """What fine-tuning found, None where it has not run."""
        return self._results().finetune

    def stage(self, name: str, sweep: int = 1) -> StageResult:
        """Returns the result of a stage, such as "lr"; raises InputError where it has not finished."""
        snapshot = self._results()
        result = snapshot.stage(name, sweep)
        if result is None:
            finished = ", ".join(dict.fromkeys(result.stage for result in snapshot.results)) or "none"
            raise InputError(
                f"stage {name}, sweep {sweep}, has not finished in {self.folder} (finished: {finished}); "
                f"run python -m search.run --stage {name}"
            )
        return result

    @property
    def winner(self) -> TrialConfig | None:
        """The configuration that the search ended with, None before anything has a winner."""
        results = self._results().results
        return winner_of(results, self.folder)[0] if any(result.winner for result in results) else None

    def __repr__(self) -> str:
        return f"Study({shown(self.folder)!r})"

    def _repr_html_(self) -> str:
        snapshot = self._results()
        heading = f"study {snapshot.name}: {describe_data(snapshot.facts)}"
        return f"<p>{escape(heading)}</p>{result_table(snapshot.results).to_html(index=False)}"

    def _ended(self) -> list[TrialResult]:
        snapshot = self._warning(self.snapshot())
        return sorted(snapshot.trials.values(), key=lambda trial: snapshot.ended_at[trial.trial.key])

    def _results(self) -> Snapshot:
        return self._warning(self.snapshot(trials=False))

    def _warning(self, snapshot: Snapshot) -> Snapshot:
        for sentence in snapshot.unread:
            warnings.warn(f"left out: {sentence}", stacklevel=4)
        return snapshot
