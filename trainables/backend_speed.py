"""Speed of Keras' backends at a network on images: measured on the device at hand, and kept in the cache.

    <cache>/backends/<key>.json     seconds an image on each backend; the key has the network, the device and
                                    all versions

Each backend is timed in a process of its own, as a process has one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_prep.digests import digest_of_values
from data_prep.storage.json_files import read_json, write_json
from data_prep.storage.remote import pull, push
from trainables.backbones.cost import known_cost
from trainables.backends import KERAS_BACKENDS, is_installed
from trainables.features.cache import SPEEDS, cache_errors, say_on_stderr
from trainables.features.inputs import backbone_read_by, find_rows
from trainables.process_setup import processor_digest
from trainables.trial import TrialConfig
from trainables.versions import installed_versions

MEASURE_S = 60.0  # of a backend at most usually: Keras' import, compiling, and two passes
PAYS = 10  # times what measuring takes
FASTER = 1.1  # by less, noise would decide
CPU_GFLOPS, GPU_GFLOPS = 100.0, 10_000.0  # a core's, a card's; only for what is worth a measurement
UNKNOWN_GFLOP = 1.0  # an image in a network whose cost nobody has counted
TRAINING = 3  # times a forward pass
LIMIT_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """Work on images: training with `config`, or without one making features of the frozen `backbone`.

    `images` go through the network; `cpus` and `gpus` are those of the process.
    """

    backbone: str
    config: TrialConfig | None = None
    images: int
    cpus: int
    gpus: float = 0.0

    @classmethod
    def training(cls, config: TrialConfig, images: int, cpus: int, gpus: float) -> Work:
        """Returns the work of training with `config` on so many images, each counted once an epoch."""
        return cls(backbone=backbone_read_by(config), config=config, images=images, cpus=cpus, gpus=gpus)

    @property
    def pays(self) -> bool:
        """Whether on a usual machine it takes so long that measuring first is no loss."""
        usual_s = self.gflop / (GPU_GFLOPS if self.gpus else CPU_GFLOPS * self.cpus)
        return usual_s > PAYS * MEASURE_S * len(KERAS_BACKENDS)

    @property
    def gflop(self) -> float:
        """About how much is computed."""
        cost = known_cost(find_rows(self.backbone))
        return self.images * (cost.gflop if cost else UNKNOWN_GFLOP) * (TRAINING if self.config else 1)

    @property
    def facts(self) -> dict[str, Any]:
        """All that the speed hangs on, the backend apart."""
        rows, trained = find_rows(self.backbone), asdict(self.config) if self.config else {}
        names = ("unfrozen_blocks", "train_batchnorm", "precision", "batch_size", "augment")
        return {
            "backbone": rows.application or rows.name,
            "input_px": rows.input_px,
            "training": {name: trained[name] for name in names if trained},
            "device": gpu_models() if self.gpus else [processor_digest(), self.cpus],
            "versions": installed_versions(("keras", *KERAS_BACKENDS, "numpy")),
        }


def faster_backend(work: Work, usual: str, cache: Path) -> str:
    """Returns the backend that is faster at `work` on this machine, `usual` where that cannot be told.

    What was measured before holds. Nothing is where one backend is not installed, or the work is too small
    to pay; `usual` stays where the other is not FASTER. Raises InputError where the cache cannot be written.
    """
    if not work.pays or not all(map(is_installed, KERAS_BACKENDS)):
        return usual
    path = cache.absolute() / "backends" / f"{digest_of_values(work.facts)}.json"
    seconds = _kept(path)
    if not seconds:
        say_on_stderr(f"measuring on which backend of Keras {work.backbone} is faster here")
        seconds = {backend: _seconds_of(backend, work) for backend in KERAS_BACKENDS}
        with cache_errors(path.parent):
            write_json(path, {"format": SPEEDS.number, **work.facts, "seconds_an_image": seconds})
        push(path)
    told = {backend: taken for backend, taken in seconds.items() if taken}
    fastest = min(told, key=lambda backend: told[backend], default=usual)
    return fastest if usual not in told or FASTER * told[fastest] < told[usual] else usual


def gpu_models() -> list[str]:
    """Returns the kinds of this machine's GPUs, as NVIDIA's driver tells them; Keras would take seconds."""
    told = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for path in told for line in path.read_text().splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def _kept(path: Path) -> Mapping[str, float | None]:
    pull(path)
    try:
        return dict(read_json(path, SPEEDS)["seconds_an_image"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _seconds_of(backend: str, work: Work) -> float | None:
    """Returns the seconds an image in a process of its own; None where that fails, as memory may run out."""
    config = work.config and work.config.to_dict()
    asked = {"backend": backend, "backbone": work.backbone, "config": config, "cpus": work.cpus}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "trainables.backend_timing"],
            input=json.dumps({**asked, "gpus": work.gpus}),
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT_S,
        )
        return float(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return None
