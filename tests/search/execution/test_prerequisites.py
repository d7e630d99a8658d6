"""Room that a search will take, from what its trials read and leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage import standing
from search.execution.prerequisites import feature_bytes, require_disk_space, trial_bytes
from search.options.run_groups import StudyOptions
from tests.search.makers import make_problem
from trainables.trial import TrialConfig


def test_features_take_four_bytes_a_number_while_they_are_made_twice(tmp_path: Path) -> None:
    problem, options = make_problem(tmp_path), StudyOptions(cache=str(tmp_path / "cache"))
    trials = [problem.trial(TrialConfig(backbone="resnet50_v2", seed=seed), "random") for seed in (1, 2)]
    images = len(problem.labels)
    assert feature_bytes(trials, problem, options) == 2 * 4 * 2048 * images
    assert trial_bytes(trials, problem) > 2 * 4 * len(problem.splits[0].validation)


def test_disk_without_room_is_named_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, options = make_problem(tmp_path), StudyOptions(cache=str(tmp_path / "cache"))
    trials = [problem.trial(TrialConfig(backbone="resnet50_v2"), "random")]
    monkeypatch.setattr(standing, "_free_bytes", lambda path: 0)
    with pytest.raises(InputError, match=r"the features of the images take about .* 0 MiB free; make room"):
        require_disk_space(trials, problem, options)
