"""The summary of a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.datasets.labels import labels_of
from data_prep.datasets.row_collector import ImageRow, RowCollector
from data_prep.summary import Summary


def _text(tmp_path: Path, counts: dict[str, int]) -> str:
    """Returns what is said of a folder with so many images of each class."""
    collector = RowCollector()
    for name, count in counts.items():
        for number in range(count):
            collector.add(ImageRow(path=f"{name}/{number}.jpg", class_name=name))
    labels = labels_of(collector, root=tmp_path, source="folder", class_names=list(counts))
    return Summary(labels=labels).to_text()


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"bad": 5, "ok": 45}, "90% of the rows are ok: always answering ok is right that often"),
        ({"a": 12, "b": 6, "c": 6}, "50% of the rows are a: "),
        ({"bad": 13, "ok": 37}, None),
        ({"bad": 0, "ok": 5}, None),
    ],
)
def test_most_frequent_class_is_named_where_it_has_most_of_the_rows(
    tmp_path: Path, counts: dict[str, int], says: str | None
) -> None:
    text = _text(tmp_path, counts)
    assert says in text if says else "of the rows are" not in text
