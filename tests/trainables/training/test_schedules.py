"""The learning rate of each epoch."""

from collections.abc import Sequence

import pytest

from trainables.hyperparameters import SCHEDULES
from trainables.training.schedules import learning_rate_of_epoch
from trainables.trial import TrialConfig


def _rates(schedule: str, val_losses: Sequence[float], epochs: int = 6) -> list[float]:
    """Returns the learning rate of each epoch, the first at 1.0, while the losses come in."""
    config = TrialConfig(learning_rate=1.0, learning_rate_schedule=schedule, epochs=epochs)
    return [learning_rate_of_epoch(config, val_losses[:done]) for done in range(epochs)]


IMPROVING, FLAT = (6.0, 5.0, 4.0, 3.0, 2.0, 1.0), (1.0,) * 6


@pytest.mark.parametrize(
    ("schedule", "val_losses", "rates"),
    [
        ("constant", FLAT, [1, 1, 1, 1, 1, 1]),
        ("cosine", FLAT, [1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873]),
        ("step", FLAT, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("reduce_on_plateau", IMPROVING, [1, 1, 1, 1, 1, 1]),
        ("reduce_on_plateau", FLAT, [1, 1, 1, 0.5, 0.5, 0.25]),
        ("reduce_on_plateau", (3, 4, 2, 3, 3, 1), [1, 1, 1, 1, 1, 0.5]),  # one bad epoch is forgiven
        (
            "reduce_on_plateau",
            (1, 3, 2, 2, 2, 2),
            [1, 1, 1, 0.5, 0.5, 0.25],
        ),  # better than the best, not the last
    ],
)
def test_learning_rate_of_epoch(schedule: str, val_losses: Sequence[float], rates: list[float]) -> None:
    assert _rates(schedule, val_losses) == pytest.approx(rates)


@pytest.mark.parametrize("epochs", [1, 2, 4, 7])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_learning_rate_starts_at_the_configured_and_stays_positive(schedule: str, epochs: int) -> None:
    rates = _rates(schedule, [1.0] * epochs, epochs)
    assert rates[0] == 1.0
    assert min(rates) > 0


@pytest.mark.parametrize(("epochs", "rates"), [(1, [1]), (2, [1, 0.1]), (4, [1, 1, 0.1, 0.01])])
def test_step_of_epochs_that_are_not_thirds(epochs: int, rates: list[float]) -> None:
    assert _rates("step", FLAT, epochs) == pytest.approx(rates)
