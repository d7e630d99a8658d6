"""The index of trials: what it spares readers, and what it is never believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.check.checking import check
from search.study import snapshot
from search.study.index.kept_trials import KeptTrial, keep_ledger, read_kept
from search.study.index.whole_trials import read_index, stamps_in
from search.study.layout import Layout
from search.study.ledger import Ledger, read_trial
from search.study.snapshot import SnapshotReader
from trainables.objective import OBJECTIVES
from trainables.trial import TrialResult

Make = Callable[..., Path]


@pytest.fixture
def study(make_study: Make) -> Path:
    """A study of four trials that somebody has looked at."""
    folder = make_study(stages=("lr",), epochs=2)
    SnapshotReader(folder).read()
    return folder


def trials_of(folder: Path, **how: bool) -> dict[str, TrialResult]:
    return dict(SnapshotReader(folder, **how).read().trials)


def read_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the trials' files that a snapshot reads."""
    names: list[str] = []

    def reading(path: Path) -> TrialResult:
        names.append(path.name)
        return read_trial(path)

    monkeypatch.setattr(snapshot, "read_trial", reading)
    SnapshotReader(folder).read()
    return names


def flip_unseen(path: Path) -> None:
    """Flips a bit so that the file looks as before: same size, same time, same place."""
    content, before = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_snapshot_of_an_index_opens_no_trial_and_has_their_figures(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_by_name(study, monkeypatch) == []
    own = trials_of(study, indexed=False)
    kept = trials_of(study)
    assert list(kept) == list(own)
    for key, trial in kept.items():
        assert isinstance(trial, KeptTrial)
        assert "epochs" not in vars(trial)
        assert (trial.trial, trial.trial.key, trial.figures) == (own[key].trial, key, own[key].figures)
        values = [[each.of(one) for each in OBJECTIVES.values()] for one in (trial, own[key])]
        assert str(values[0]) == str(values[1])
        assert (trial.to_dict(), trial.epochs) == (own[key].to_dict(), own[key].epochs)


def test_new_and_changed_trials_are_read_and_removed_ones_do_not_count(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, changed, *_ = sorted(Layout(study).trials.iterdir())
    gone.unlink()
    os.utime(changed, ns=(0, 1))
    assert read_by_name(study, monkeypatch) == [changed.name]
    assert gone.stem not in trials_of(study)


def test_flipped_bit_is_told_although_the_index_has_the_trial(study: Path) -> None:
    path = min(Layout(study).trials.iterdir())
    flip_unseen(path)
    os.utime(path)
    found = SnapshotReader(study).read()
    assert path.stem not in found.trials
    assert found.unread[0].startswith(f"{path} is damaged")


def test_flipped_bit_of_a_file_that_looks_as_before_is_found_by_all_but_views(study: Path) -> None:
    path = min(Layout(study).trials.iterdir())
    flip_unseen(path)
    trial = trials_of(study)[path.stem]  # a view: its figures are those that were read when it was whole
    with pytest.raises(InputError, match=f"{path} is damaged"):
        _ = trial.epochs
    assert path.stem not in trials_of(study, indexed=False)  # whoever decides
    assert [finding.path for finding in check(study).findings] == [path]


@pytest.mark.parametrize("damage", ["{}", '{"format": 9}', "", '{"format": 1, "names": ["a"], "stamps": []}'])
def test_damaged_index_is_as_none_and_made_again(study: Path, damage: str) -> None:
    index, before = Layout(study).kept_trials, trials_of(study, indexed=False)
    index.write_text(damage)
    assert read_kept(Layout(study), stamps_in(Layout(study).trials)) == {}
    assert trials_of(study) == before
    assert len(read_kept(Layout(study), stamps_in(Layout(study).trials))) == 4


def test_trial_whose_file_is_gone_since_says_so(study: Path) -> None:
    path = min(Layout(study).trials.iterdir())
    trial = trials_of(study)[path.stem]
    path.unlink()
    with pytest.raises(InputError, match=f"{path} cannot be read"):
        _ = trial.epochs


def test_trial_without_an_epoch_is_kept_whole(study: Path) -> None:
    ledger = Ledger(study)
    result = next(iter(ledger.results()))
    failed = TrialResult.from_dict({**result.to_dict(), "status": "FAILED", "epochs": []})
    Layout(study).trial(result.trial.key).unlink()
    ledger.record(failed)
    keep_ledger(ledger)
    assert trials_of(study)[result.trial.key] == failed


def test_end_of_a_search_writes_both_indices_of_a_large_ledger(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    layout = Layout(folder)
    keep_ledger(Ledger(folder))
    stamps = stamps_in(layout.trials)
    assert read_index(layout.index) == stamps
    assert set(read_kept(layout, stamps)) == set(stamps)
    before = layout.kept_trials.stat().st_mtime_ns
    keep_ledger(Ledger(folder))  # nothing is new
    assert layout.kept_trials.stat().st_mtime_ns == before
