"""Presets: the report's is to the value what it was, every other can be tried, data has one by its source."""

from __future__ import annotations

import pytest

from search.options.search_options import SearchOptions
from search.space.presets import PRESETS, preset_for
from search.space.stages import EVERY_STAGE
from trainables.hyperparameters import HYPERPARAMETERS
from trainables.trial import TrialConfig


@pytest.mark.parametrize(
    ("source", "name"),
    [("adience", "report"), ("celeba", "report"), ("sample", "report"), ("folder", "heads")],
)
def test_preset_of_data(source: str, name: str) -> None:
    assert preset_for(source) == name


@pytest.mark.parametrize("name", PRESETS)
def test_preset_makes_stages_and_a_joint_space(name: str) -> None:
    options = SearchOptions.of(preset=name, stage="all")
    assert options.stage_names == tuple(PRESETS[name].stages)
    for stage in options.stage_names:
        configs = options.stage_called(stage).configs(TrialConfig())
        assert len(configs) == len(options.values[stage])  # type: ignore[arg-type]
    assert set(SearchOptions.of(preset=name, mode="joint").space_to_try())


def test_heads_leave_out_batch_size_1_and_split_by_groups_where_they_are_known() -> None:
    options = SearchOptions.of(stage="all").for_data("folder")
    assert 1 not in options.values["batch_size"]  # type: ignore[operator]
    assert (options.split_of(has_groups=True), options.split_of(has_groups=False)) == ("group", "random")
    assert options.split_of(has_groups=True, has_parts=True) == "given"
    assert (
        SearchOptions.of(stage="all", split="random").for_data("folder").split_of(has_groups=True) == "random"
    )


@pytest.mark.parametrize("name", ["adience_gender", "adience_age"])
def test_protocol_of_adience_reads_each_of_the_official_folds_once(name: str) -> None:
    options = SearchOptions.of(preset=name, stage="all")
    assert options.split_of(has_groups=True) == "folds"
    assert options.deciding.final
    assert options.words() == ["--stage", "all", "--preset", name]


def test_every_hyperparameter_of_a_configuration_has_a_row_and_each_stage_values() -> None:
    assert set(HYPERPARAMETERS) == set(TrialConfig().__dict__)
    # those of a head of one's own stand in its file
    assert [name for name, stage in EVERY_STAGE.items() if not stage.values] == ["head"]
