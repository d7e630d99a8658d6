"""A run that joins another's: what has to be the same, and what each machine has for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.execution.same_search import require_same_search
from search.options.search_options import SearchOptions
from search.study.folder import keep_command


@pytest.mark.parametrize(
    "ours",
    [
        {"join": True, "data": "elsewhere.parquet", "cache": "other", "max_concurrent": 2, "quiet": True},
        {
            "storage": "mounted",
            "study": "faces",
            "gpus_per_trial": 1,
            "wandb": "disabled",
            "celeba": "b.parquet",
        },
    ],
)
def test_places_and_devices_are_each_drivers_own(tmp_path: Path, ours: dict[str, object]) -> None:
    celeba = {"celeba": "a.parquet"} if "celeba" in ours else {}
    keep_command(tmp_path, SearchOptions.of(stage="all", repeats=3, **celeba).words())
    require_same_search(SearchOptions.of(stage="all", repeats=3, **ours), tmp_path)


@pytest.mark.parametrize(
    "ours", [{"stage": "lr"}, {"stage": "all", "repeats": 5}, {"stage": "all", "dropout": 0.5}]
)
def test_other_search_is_refused(tmp_path: Path, ours: dict[str, object]) -> None:
    keep_command(tmp_path, SearchOptions.of(stage="all").words())
    with pytest.raises(
        InputError, match=r"is being run with other options: --stage all there, --stage .* here; "
    ):
        require_same_search(SearchOptions.of(**ours, join=True), tmp_path)
