"""Checking of a study: what is damaged or does not fit its neighbours, and what is put aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.errors import InputError
from search.check.kinds import FileKind, kind_of
from search.study.layout import Layout
from search.study.ledger import put_aside
from search.study.snapshot import SnapshotReader


@dataclass(frozen=True)
class Finding:
    """A file that is damaged or does not fit; `kind` is None where it is no file of a study."""

    path: Path
    kind: FileKind | None
    sentence: str

    @property
    def may_go(self) -> bool:
        """Whether it may be put aside: what it held is made again."""
        return self.kind is not None and self.kind.may_go


@dataclass(frozen=True)
class Checked:
    """The number of `files` of a study, and what was found."""

    files: int
    findings: Sequence[Finding]

    def to_dict(self) -> dict[str, Any]:
        """Returns the findings as JSON values."""
        damaged = [{"path": str(each.path), "sentence": each.sentence} for each in self.findings]
        return {"files": self.files, "damaged": damaged}


def check(folder: Path) -> Checked:
    """Returns what is found in the study in `folder`; nothing is changed."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    findings = [finding for path in paths if (finding := _finding(path, folder))]
    if not findings:  # else what is missing beside them says the same once more
        findings = list(_of_neighbours(folder))
    return Checked(len(paths), findings)


def put_damaged_aside(checked: Checked) -> list[Path]:
    """Moves each damaged file that can be made again beside itself; returns the new names."""
    return [put_aside(finding.path) for finding in checked.findings if finding.may_go]


def _finding(path: Path, folder: Path) -> Finding | None:
    kind = kind_of(path.relative_to(folder).as_posix())
    if kind is None:
        return Finding(path, None, f"{path} is no file of a study; move it elsewhere")
    try:
        if kind.read:
            kind.read(path)
    except InputError as error:
        return Finding(path, kind, str(error))
    return None


def _of_neighbours(folder: Path) -> Iterator[Finding]:
    snapshot = SnapshotReader(folder, indexed=False).read()
    for result in snapshot.results:
        missing = [key for entry in result.entries for key in entry.trials if key not in snapshot.trials]
        if missing and not hasattr(result, "members"):  # a population's members stand in no ledger
            path = snapshot.path_of(result)
            said = f"{path} names trials that are not there ({', '.join(missing)}); run the stage again"
            yield Finding(path, None, said)
    for trial in snapshot.trials.values():
        path = Layout(snapshot.folder).predictions(trial.trial.key)
        if trial.predictions_digest and not path.is_file():
            said = f"{path} is not there; the next run that needs the trial trains it again"
            yield Finding(path, None, said)
