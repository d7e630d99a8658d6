"""Answer of a final model to a photograph that a reader drops on the page; Keras runs in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.class_names import printable
from data_prep.errors import InputError

COMMAND = (sys.executable, "-m", "search.predict")
TOP = 5
PATIENCE_S = 300.0
_LETTERS = 400
# the search that may run beside it has the GPU
_WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
_ONE_AT_A_TIME = threading.Lock()  # each takes the memory of a Keras of its own


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The likeliest classes and their probabilities, the likeliest first.

    `calibration` says what the probabilities are, empty where that is not known; `caveats` are sentences that
    a reader must know of the model.
    """

    classes: Sequence[tuple[str, float]]
    calibration: str
    caveats: Sequence[str]


def classified(model: Path, name: str, content: bytes, command: Sequence[str] = COMMAND) -> Answer:
    """Returns what the model says of the picture in `content`, which a reader calls `name`.

    `command` is asked as `python -m search.predict` is. The picture is in a file without a name, which is
    gone with this call. Raises InputError, a sentence, where there is no answer.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        path = f"/dev/fd/{file.fileno()}"
        ended = _run([*command, str(model), path, "--json", "--top", str(TOP)], file.fileno())
    problem = ended.stderr.strip().rpartition("\n")[2].removeprefix("error: ")[:_LETTERS]
    try:
        found = json.loads(ended.stdout)
        (prediction,) = found["predictions"]
        problem = prediction["problem"] or ""
    except (ValueError, KeyError, TypeError):  # the model could not be used
        raise InputError(problem or f"the prediction ended with {ended.returncode} and no answer") from None
    if problem:
        raise InputError(problem.replace(path, printable(name)))
    return _answer(found, prediction)


def _run(words: Sequence[str], handed_on: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **_WITHOUT_GPU},
            pass_fds=[handed_on],
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"the model has given no answer in {PATIENCE_S:.0f} s; try again") from None


def _answer(found: Mapping[str, Any], prediction: Mapping[str, Any]) -> Answer:
    return Answer(
        classes=[(each["name"], each["probability"]) for each in prediction["top"]],
        calibration=(found["calibration"] or {}).get("statement", ""),
        caveats=found["caveats"],
    )
