"""The range of the figure that has our means beside the published ones."""

from __future__ import annotations

import pytest

from search.report.sections.stage_figures import means_beside_published
from tests.search.makers import make_entry, make_stage_result


@pytest.mark.parametrize("means", [(0.70, 0.72), (0.40, 0.72), (0.95, 0.97)])
def test_best_of_ours_and_of_the_published_are_in_the_figure(means: tuple[float, float]) -> None:
    entries = tuple(make_entry(value, mean=mean) for value, mean in zip((0.001, 0.0003), means, strict=True))
    (points,) = means_beside_published(make_stage_result(entries=entries), "lr")
    low, high = points.y_range or (0.0, 1.0)
    ours, published = (max(value for value in series.values if value is not None) for series in points.series)
    assert low < min(ours, published)
    assert max(ours, published) < high


def test_mean_far_below_all_others_is_left_to_the_table() -> None:
    entries = (make_entry(0.001, mean=0.88), make_entry(0.0003, mean=0.3))
    (points,) = means_beside_published(make_stage_result(entries=entries), "lr")
    assert points.y_range
    assert points.y_range[0] > 0.3
    assert points.caption.endswith("what is below it stands in the table")
