"""python -m trainables.compile_ahead: compiles what a trial needs, for `head_start` of a search.

It reads a line of JSON: the trial's configuration and the shape of what it reads. It trains it for a few
steps on zeros, and keeps nothing but the compiled programs, which JAX finds in the cache when the trial
itself begins.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from data_prep.digests import digest_of_values
from trainables.process_setup import (
    end_with_parent,
    hide_gpus,
    import_keras,
    keep_compiled,
    prepare_process,
    processor_digest,
)
from trainables.trial import TrialConfig
from trainables.versions import installed_versions

_DATA_OF_A_PROGRAM = ("learning_rate", "epochs", "seed")  # hyperparameters that no program is compiled for


def note_of(wanted: Mapping[str, Any]) -> Path:
    """Returns the file that says that all of this has been compiled here."""
    config = {name: value for name, value in wanted["config"].items() if name not in _DATA_OF_A_PROGRAM}
    facts = {name: value for name, value in wanted.items() if name != "compiled"}
    versions = installed_versions(("jax", "jaxlib", "keras", "numpy"))
    digest = digest_of_values({**facts, "config": config, "versions": versions}, 8)
    return Path(wanted["compiled"]) / f"ahead-{processor_digest()}-{digest}"


def main() -> int:
    """Compiles what standard input asks for, and notes that it is done."""
    wanted = json.loads(sys.stdin.readline())
    end_with_parent()
    hide_gpus()
    keep_compiled(Path(wanted["compiled"]))
    prepare_process("jax", wanted["cpus"])
    import_keras()
    compile_programs(
        TrialConfig.from_dict(wanted["config"]),
        wanted["features"],
        wanted["train"],
        wanted["validation"],
        wanted["classes"],
    )
    note_of(wanted).touch()
    return 0


def compile_programs(config: TrialConfig, features: int, train: int, validation: int, classes: int) -> None:
    """Has Keras compile what training with `config` on so many rows of features runs, at little cost.

    `train` and `validation` are the numbers of rows; float32 zeros stand for them.
    """
    import numpy as np

    from trainables.training.batches import Examples
    from trainables.training.pass_rows import FEATURE_ROWS
    from trainables.training.training import Training
    from trainables.training.validation_metrics import VALIDATION_BATCH

    few, judged = _few(train, config.batch_size), _few(validation, VALIDATION_BATCH)
    passed = min(train, FEATURE_ROWS)
    rows = max(few, judged, passed)
    inputs = np.broadcast_to(np.zeros((), np.float32), (rows, features))
    labels = np.zeros(rows, np.int16)
    training = Training(config, Examples(inputs, labels, np.arange(few), np.arange(judged), classes))
    training.rows_of_pass = np.arange(passed)
    for _ in islice(training.epochs(), 2):  # JAX 0.7 compiles anew for a state that a program has put out
        training.validation_probabilities()


def _few(rows: int, batch: int) -> int:
    """Returns the least rows whose batches have all shapes that those of `rows` have: one, and the last."""
    return min(rows, batch + rows % batch)


if __name__ == "__main__":
    sys.exit(main())
