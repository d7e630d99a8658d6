"""The summaries of searches: what is put side by side, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search.output.search_summary import SearchSummary, compare_studies
from search.study.study import Study

MakeStudy = Callable[..., Path]


def compare(*folders: Path) -> list[SearchSummary]:
    return compare_studies([Study(folder).snapshot() for folder in folders])


def test_compare_puts_staged_beside_joint(make_study: MakeStudy) -> None:
    folder = make_study("both", stages=("lr", "dropout"), joint=True)
    staged, joint = compare(folder)
    assert staged.way == "staged (lr, dropout)"
    assert joint.way.startswith("joint (")
    assert staged.trials > 0
    assert joint.trials > 0
    assert staged.seconds > 0
    assert {"learning_rate", "dropout"} <= staged.winner.keys()


def test_compare_takes_two_studies(make_study: MakeStudy) -> None:
    lines = compare(make_study("one", stages=("lr",)), make_study("two", stages=("lr",)))
    assert [line.study for line in lines] == ["one", "two"]


def test_compare_refuses_other_data(make_study: MakeStudy) -> None:
    folders = [make_study("one", stages=("lr",)), make_study("two", stages=("lr",), data_digest="other")]
    with pytest.raises(ValueError, match=r"same data can be compared: data_digest is .* leave one out"):
        compare(*folders)


def test_compare_refuses_a_study_beside_itself(make_study: MakeStudy, tmp_path: Path) -> None:
    folder = make_study("one", stages=("lr",), joint=4)
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match=r"compared with others, .*one is given twice; name it once"):
        compare(folder, tmp_path / "x" / ".." / "one")


def test_compare_needs_two_searches(make_study: MakeStudy) -> None:
    with pytest.raises(ValueError, match="needs two finished searches"):
        compare(make_study("one", stages=("lr",)))
