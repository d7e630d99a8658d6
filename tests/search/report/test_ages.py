"""What others published on Adience's ages, beside a study of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data_prep.class_names import AGE_GROUPS
from search.report.contents import report_on
from search.report.document import Table
from search.report.sections.outcome import ages_elsewhere_section
from search.study.study import Study

Make = Callable[..., Path]


def test_published_ages_stand_beside_a_study_of_ages(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1, source="adience", class_names=AGE_GROUPS)
    names = [section.name for section in report_on(Study(study).snapshot(), "2026-01-01").sections]
    assert "elsewhere" in names


def test_own_figure_is_there_where_the_same_folds_were_read(make_study: Make) -> None:
    snapshot = Study(make_study(stages=("lr",), epochs=1, class_names=AGE_GROUPS)).snapshot()
    reading = {
        "accuracy": 0.5512,
        "standard_error": 0.02,
        "config": {"backbone": "inception_v3"},
        "breakdown": {"one_off": 0.8754},
    }
    folds = replace(snapshot.facts, split="folds", source="adience")
    for facts, first in ((folds, "inception_v3"), (snapshot.facts, "Levi & Hassner's network")):
        section = ages_elsewhere_section(replace(snapshot, facts=facts, readings=[reading]))
        table = section.blocks[-1]
        assert isinstance(table, Table)
        assert table.rows[0][0] == first
        assert list(table.rows[-3]) == [
            "Levi & Hassner's network",
            "50.7 ± 5.1",
            "84.7 ± 2.2",
            "over-sampled",
            "Levi & Hassner 2015",
        ]
    assert ages_elsewhere_section(replace(snapshot, facts=folds, readings=[reading])).blocks[-1].rows[0][
        1:3
    ] == ["55.12 ± 2.00", "87.54"]
