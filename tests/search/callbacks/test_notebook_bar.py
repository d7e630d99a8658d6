"""NotebookBar: one bar in its place, as long as there is something to train."""

from __future__ import annotations

from typing import Any

from data_prep.command_line.notebook import Bar
from search.callbacks.notebook_bar import NotebookBar
from tests.search.makers import make_epochs, make_result, make_trial
from trainables.trial import Trial, TrialStatus

ONE, TWO = (make_trial(seed=seed, epochs=4) for seed in (1, 2))


def label(trial: Trial) -> str:
    return f"<seed {trial.config.seed}>"


class Place:
    """A place in a notebook: what was drawn there."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def update(self, shown: Any) -> None:
        """Keeps the HTML."""
        self.drawn.append(shown.data)


def bar_in(place: Place, total: int = 2) -> NotebookBar:
    return NotebookBar("stage lr", total, label, bar=Bar(place), clock=lambda: 0.0)


def test_bar_grows_with_epochs_and_trials() -> None:
    place = Place()
    with bar_in(place) as bar:
        bar.trial_started(ONE)
        bar.epoch_ended(ONE, make_epochs([0.5])[0])
        bar.trial_ended(make_result(ONE, 0.5, 0.75))
    values = [html.split('value="')[1].split('"')[0] for html in place.drawn]
    assert values == ["0.00", "0.00", "0.25", "1.00", "1.00"]


def test_line_beside_the_bar_names_the_best_and_what_failed() -> None:
    place = Place()
    with bar_in(place) as bar:
        bar.trial_ended(make_result(ONE, 0.5, 0.75))
        bar.trial_ended(make_result(TWO, status=TrialStatus.FAILED))
    assert place.drawn[-1] == (
        '<div><progress value="2.00" max="2"></progress> '
        "stage lr: 2 of 2 trials · best 0.6250 (&lt;seed 1&gt;) · 1 failed</div>"
    )


def test_nothing_is_shown_where_nothing_is_to_do() -> None:
    place = Place()
    with bar_in(place, total=0):
        pass
    assert place.drawn == []
