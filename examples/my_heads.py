"""Heads and a network of one's own, for `--head examples/my_heads.py:build` and `--network …:small_cnn`."""

import keras

HYPERPARAMETERS = {
    "rank": {"values": [8, 32], "default": 8},
    "gate": {"values": ["sigmoid", "tanh"], "default": "sigmoid"},
}


def build(input_shape, classes, hyperparameters):
    """A head that weighs a few directions of the features by gates of their own."""
    features = keras.Input(input_shape)
    directions = keras.layers.Dense(hyperparameters["rank"])(features)
    gates = keras.layers.Dense(hyperparameters["rank"], activation=hyperparameters["gate"])(features)
    return keras.Model(features, answer(directions * gates, classes))


def small_cnn(input_shape, classes, hyperparameters):
    """A whole network on images `(px, px, 3)`, whose values are 0 to 255."""
    images = keras.Input(input_shape)
    seen = keras.layers.Rescaling(1 / 255)(images)
    for filters in (8, 16, hyperparameters["rank"]):
        seen = keras.layers.Conv2D(filters, 3, strides=2, activation="relu")(seen)
    return keras.Model(images, answer(keras.layers.GlobalAveragePooling2D()(seen), classes))


def answer(seen, classes):
    """The probability of the second of two classes, or that of each of several."""
    if classes == 2:
        return keras.layers.Dense(1, activation="sigmoid")(seen)
    return keras.layers.Dense(classes, activation="softmax")(seen)
