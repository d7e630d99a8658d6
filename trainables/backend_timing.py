"""python -m trainables.backend_timing: the seconds an image of a network on a backend of Keras, here.

It reads JSON: the `backend`, `cpus` and `gpus` of this process, and the `backbone` that makes features, or
the `config` that is trained. `trainables.backend_speed` asks.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np

from trainables.features.inputs import find_rows, rows_read_by
from trainables.process_setup import hide_gpus, import_keras, prepare_process
from trainables.trial import TrialConfig

BATCHES = 2


def main() -> int:
    """Times what standard input asks for, and prints the seconds an image."""
    asked = json.load(sys.stdin)
    if not asked["gpus"]:
        hide_gpus()
    prepare_process(asked["backend"], asked["cpus"], asked["gpus"])
    import_keras()
    if asked["config"]:
        print(_training_s(TrialConfig.from_dict(asked["config"])))
    else:
        from trainables.training.parameter_counts import images_per_second

        print(1 / images_per_second(find_rows(asked["backbone"])))
    return 0


def _training_s(config: TrialConfig) -> float:
    from trainables.training.batches import Examples
    from trainables.training.training import Training

    rows, px = BATCHES * config.batch_size, find_rows(rows_read_by(config)).input_px
    images = np.random.default_rng(7).integers(0, 256, (rows + 2, px, px, 3)).astype(np.uint8)
    examples = Examples(images, np.arange(rows + 2) % 2, np.arange(rows), np.arange(rows, rows + 2))
    _, last = Training(replace(config, epochs=2), examples, "none").epochs()  # the first compiles
    return last.seconds / rows


if __name__ == "__main__":
    sys.exit(main())
