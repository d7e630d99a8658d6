"""Refusals of nodes: a node that refused is kept from trials, as long as another has room for them."""

from __future__ import annotations

import pytest

from data_prep.errors import InputError
from search.options.run_groups import MachineOptions
from search.ray_tune.failures import door
from search.ray_tune.failures.door import REFUSALS, Refusals
from search.ray_tune.failures.sentences import AGAIN
from search.ray_tune.preflight import Node
from tests.search.ray_tune.failures.test_worker_failures import DIED, RAISED, REFUSED, SAYS

Taken = list[tuple[str, MachineOptions, int]]

FIRST, LATE, LATER = (Node(name, name, "10.0.0.8", 2.0, 0.0) for name in ("first", "late1", "late2"))
MACHINE = MachineOptions(cpus_per_trial=1)
OF_LATER = REFUSED.replace("node late1", "node late2")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """What is taken of nodes; there are three."""
    found: Taken = []
    monkeypatch.setattr(door, "nodes_alive", lambda: [FIRST, LATE, LATER])
    monkeypatch.setattr(door, "occupy", lambda *asked: found.append(asked))
    return found


def test_all_places_of_a_node_that_refuses_are_taken_once(
    taken: Taken,
) -> None:
    heard = Refusals(MACHINE)
    for text in (DIED, REFUSED, RAISED, OF_LATER, REFUSED):
        heard.hear(text, True)
    assert taken == [("late1", MACHINE, 2), ("late2", MACHINE, 2)]


@pytest.mark.usefixtures("taken")
def test_node_that_refuses_although_its_places_are_taken_ends_the_search() -> None:
    heard = Refusals(MACHINE)
    for _ in range(2 * REFUSALS):
        heard.hear(REFUSED, True)
    with pytest.raises(InputError, match=rf"^{SAYS}; install .*, or take it out of the cluster; {AGAIN}$"):
        heard.hear(REFUSED, True)


@pytest.mark.usefixtures("taken")
def test_refusal_that_would_end_a_trial_ends_the_search() -> None:
    with pytest.raises(InputError, match=SAYS):
        Refusals(MACHINE).hear(REFUSED, False)


def test_refusal_of_the_only_node_with_room_ends_the_search(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "nodes_alive", lambda: [LATE, LATER])
    heard = Refusals(MACHINE)
    heard.hear(OF_LATER, True)
    with pytest.raises(InputError, match=SAYS):
        heard.hear(REFUSED, True)
    assert [node_id for node_id, *_ in taken] == ["late2"]


def test_nothing_is_taken_of_a_node_that_is_gone(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "nodes_alive", lambda: [FIRST])
    Refusals(MACHINE).hear(REFUSED, True)
    assert taken == [("late1", MACHINE, 0)]
