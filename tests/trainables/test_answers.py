"""The label that probabilities say."""

import numpy as np

from trainables.answers import predicted_labels
from trainables.objective import probability_figure
from trainables.training.validation_metrics import share_right, validation_figures


def test_label_1_is_said_above_one_half_alone() -> None:
    assert predicted_labels([0.5, 0.5000001, 0.2]).tolist() == [0, 1, 0]


def test_first_of_several_likeliest_classes_is_said() -> None:
    assert predicted_labels([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]]).tolist() == [0, 1]


def test_training_and_objectives_count_one_half_alike() -> None:
    labels, undecided = np.array([0, 0, 0, 1]), np.full(4, 0.5, np.float32)
    assert share_right(labels, undecided) == 0.75
    assert validation_figures(labels, undecided, penalty=0.0)["val_accuracy"] == 0.75
    assert probability_figure("balanced_accuracy", labels, undecided) == 0.5
