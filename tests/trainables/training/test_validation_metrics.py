"""Loss and accuracy of probabilities."""

import keras
import numpy as np
import pytest

from trainables.training.validation_metrics import validation_figures

pytestmark = pytest.mark.training


def test_figures_are_those_of_keras() -> None:
    labels = np.array([0, 1, 1, 0, 1])
    probabilities = np.array([0.1, 0.9, 0.4, 0.0, 1.0], np.float32)
    loss = keras.losses.BinaryCrossentropy()(labels[:, None].astype(np.float32), probabilities[:, None])
    figures = validation_figures(labels, probabilities, penalty=0.25)
    assert figures["val_loss"] == pytest.approx(float(loss) + 0.25, rel=1e-5)
    assert figures["val_accuracy"] == 0.8
