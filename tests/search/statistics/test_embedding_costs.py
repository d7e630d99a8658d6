"""Backbones beside their cost: a line for each, and which of the best is the cheapest."""

from __future__ import annotations

from dataclasses import replace

from search.statistics.embedding_costs import Embedding, describe_costs

SMALL = Embedding(name="small", mean=0.871, rival=True, weights=2.26, gflop=0.6, images_per_second=41.26)
LARGE = Embedding(name="large", mean=0.8755, rival=True, weights=23.6, gflop=6.0)


def test_each_backbone_has_a_line_with_what_is_known_of_its_cost() -> None:
    assert describe_costs([SMALL, LARGE])[:2] == [
        "small: 0.8710 for 2.26 million weights, 0.6 GFLOP an image, 41.3 images a second here",
        "large: 0.8755 for 23.6 million weights, 6 GFLOP an image",
    ]
    unknown = Embedding(name="hub:mine", mean=0.9, rival=False)
    assert describe_costs([unknown]) == ["hub:mine: 0.9000 for a cost that is not known"]


def test_cheapest_of_those_not_told_apart_is_worth_its_cost() -> None:
    assert describe_costs([SMALL, LARGE])[2:] == [
        "worth its cost: small, the cheapest that is not told apart from the best, takes 10% of the "
        "arithmetic of large"
    ]
    assert describe_costs([replace(SMALL, rival=False), LARGE])[2:] == [
        "worth its cost: large alone is among the best"
    ]


def test_nothing_is_said_to_be_worth_its_cost_where_one_is_not_known() -> None:
    assert len(describe_costs([SMALL, replace(LARGE, gflop=None)])) == 2
    assert len(describe_costs([SMALL])) == 1
    assert len(describe_costs([replace(SMALL, mean=float("nan"))] * 2)) == 2
