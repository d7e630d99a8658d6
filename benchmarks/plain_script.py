"""The opponent: what somebody who knows Ray Tune and Keras writes without this project, kept plain.

The frozen backbone is part of the model, tf.data decodes the images every epoch, a trial is a
`model.fit`, and a callback reports every epoch to Tune. In its favour: no checkpoints are written (Tune's
own TuneReportCheckpointCallback would save the whole network every epoch) and the driver does without
TensorFlow.

    python -m benchmarks.plain_script --labels labels.csv --weights resnet.weights.h5 --out result.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from ray import tune
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

IMAGE_PX = 224


def main(argv: Sequence[str] | None = None) -> int:
    """Trains one trial a learning rate and writes what they reported to --out."""
    arguments = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as storage:
        results = tune.Tuner(
            tune.with_resources(train, {"cpu": arguments.cpus_per_trial}),
            param_space={
                "learning_rate": tune.grid_search(arguments.learning_rates),
                "labels": str(arguments.labels.absolute()),
                "weights": str(arguments.weights.absolute()),
                "batch_size": arguments.batch_size,
                "epochs": arguments.epochs,
                "seed": arguments.seed,
            },
            run_config=tune.RunConfig(name="plain", storage_path=storage),
        ).fit()
        trials = [_summary(result) for result in results]
    arguments.out.write_text(json.dumps({"trials": trials}), encoding="utf-8")
    return 0


def train(config: dict[str, Any]) -> None:
    """Trains one configuration in a worker of Ray and reports every epoch."""
    import keras

    keras.utils.set_random_seed(config["seed"])
    table = pd.read_csv(config["labels"])
    training, validation = train_test_split(table, test_size=0.2, random_state=7, stratify=table["label"])
    model = build_model(config["weights"])
    model.compile(
        keras.optimizers.Adam(config["learning_rate"]), loss="binary_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        make_dataset(training, config["batch_size"], shuffle_seed=config["seed"]),
        validation_data=make_dataset(validation, config["batch_size"]),
        epochs=config["epochs"],
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: tune.report(dict(logs)))],
        verbose=0,
    )


def build_model(weights: str) -> keras.Model:
    """Returns ResNet50V2, frozen, below the report's head."""
    import keras
    from keras import layers

    backbone = keras.applications.ResNet50V2(
        include_top=False, weights=weights, input_shape=(IMAGE_PX, IMAGE_PX, 3), pooling="avg"
    )
    backbone.trainable = False
    head: list[layers.Layer] = [layers.BatchNormalization()]
    for units in (1024, 512, 256):
        head += [layers.Dense(units, activation="relu"), layers.BatchNormalization()]
    return keras.Sequential([backbone, *head, layers.Dense(1, activation="sigmoid")])


def make_dataset(table: pd.DataFrame, batch_size: int, shuffle_seed: int | None = None) -> tf.data.Dataset:
    """Returns batches of preprocessed images and labels, decoded while they are read."""
    import keras
    import tensorflow as tf

    def load(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.resize(image, (IMAGE_PX, IMAGE_PX))
        return keras.applications.resnet_v2.preprocess_input(image), label

    labels = table["label"].to_numpy("float32")[:, None]
    dataset = tf.data.Dataset.from_tensor_slices((table["path"].tolist(), labels))
    if shuffle_seed is not None:
        dataset = dataset.shuffle(len(table), seed=shuffle_seed)
    return dataset.map(load, tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _summary(result: tune.Result) -> dict[str, Any]:
    if result.error:
        raise result.error
    epochs = result.metrics_dataframe
    return {
        "learning_rate": result.config["learning_rate"],
        "val_accuracy": epochs["val_accuracy"].tolist(),
        "epoch_seconds": epochs["time_this_iter_s"].tolist(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plain_script",
        description="The plain Ray Tune and Keras script that the benchmarks compare with.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--labels", type=Path, required=True, help="CSV with path and label (0 or 1)")
    parser.add_argument("--weights", type=Path, required=True, help="of ResNet50V2 without its top")
    parser.add_argument("--out", type=Path, required=True, help="where the result goes, as JSON")
    parser.add_argument(
        "--learning-rates", type=float, nargs="+", default=[1e-3], metavar="RATE", help="tried"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="images a step")
    parser.add_argument("--epochs", type=int, default=20, help="of every trial")
    parser.add_argument("--seed", type=int, default=7, help="of every trial")
    parser.add_argument("--cpus-per-trial", type=int, default=2, help="for Ray")
    return parser


if __name__ == "__main__":
    sys.exit(main())
