"""Settings of a process: those from before Keras is imported, and those that Keras takes from elsewhere."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import sys
import threading
from pathlib import Path

from trainables.versions import installed_versions

COMPILED_SINCE = (0, 7)  # JAX before that reads programs which crash on a CPU, or compute something else
COMPILED = "compiled"  # the folder of kept programs in a cache
COMPILED_BYTES = 2**30  # of kept programs; the oldest go first
_CGROUP = Path("/sys/fs/cgroup")
# what Keras imports where it is installed, for plots, tables and wrappers that no trial has: half of the time
_NOT_OF_USE = ("IPython", "cv2", "matplotlib", "pandas", "sklearn")
GPU_SHARE_USED = 0.9  # of a process's share of a GPU; what CUDA itself keeps comes on top


def prepare_process(keras_backend: str, cpus: int, gpus: float = 0.0, *, batches: int = 1) -> None:
    """Sets the Keras backend and at most `cpus` threads for this process, before Keras is imported.

    A GPU's memory is taken as it is needed. With `gpus` below 1, a share of one, JAX takes no more than
    that of its memory; TensorFlow has no such limit that goes with growth. On the cores TensorFlow is given
    the threads for so many `batches` side by side, see `batches_at_once`.

    Raises RuntimeError where Keras was imported before with another backend.
    """
    if "keras" in sys.modules:  # a worker that is kept for its next trial: Keras takes its backend once
        _require_backend(keras_backend)
        return
    # Ray limits OMP alone: TensorFlow would start 35 threads in each trial, for all cores
    cpus = max(1, cpus)
    threads = str(cpus)
    at_once = min(batches, cpus) if keras_backend == "tensorflow" and not gpus else 1
    os.environ.update(
        KERAS_BACKEND=keras_backend,
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS=threads,
        TF_NUM_INTRAOP_THREADS=str(math.ceil(cpus / at_once)),
        TF_NUM_INTEROP_THREADS=str(at_once),
        NPROC=threads,  # the threads of XLA's CPU client
    )
    take_gpu_memory_as_needed()
    if 0 < gpus < 1:
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{gpus * GPU_SHARE_USED:.3f}"


def take_gpu_memory_as_needed() -> None:
    """Has either backend take memory of a GPU as it needs it: JAX would take three quarters as it starts."""
    os.environ.update(TF_FORCE_GPU_ALLOW_GROWTH="true", XLA_PYTHON_CLIENT_PREALLOCATE="false")


def batches_at_once() -> int:
    """Returns how many batches this process was prepared to pass through a network side by side."""
    # a user's own 0 leaves the number to TensorFlow
    return max(1, int(os.environ.get("TF_NUM_INTEROP_THREADS", 1)))


def prepared_cores() -> int:
    """Returns how many cores this process was prepared for: all of them where it was not."""
    return int(os.environ.get("NPROC") or available_cores())


def import_keras() -> None:
    """Imports Keras without what it takes for others to import; that can still be imported afterwards."""
    if "keras" in sys.modules:
        return
    absent = [name for name in _NOT_OF_USE if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None says that there is none
    try:
        import keras  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]


def hide_gpus() -> None:
    """Keeps the GPUs of this machine out of this process's sight, before Keras is imported."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def keep_compiled(folder: Path) -> None:
    """Lets JAX keep what it compiles in `folder` and read it there, before JAX is imported.

    Each process would compile the same programs anew, for most of the time of a small study. What the
    environment says already (JAX_COMPILATION_CACHE_DIR) stays. Nothing is kept where there is no `folder`, as
    its storage is away, or by a JAX that is older than COMPILED_SINCE.
    """
    if not folder.is_dir():
        return
    jax = installed_versions(("jax",)).get("jax", "0")
    if tuple(map(int, jax.split(".")[:2])) < COMPILED_SINCE:
        return
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(_held(folder) / processor_digest())
    # XLA's own caches would make the path of the folder a part of each program's key
    os.environ.setdefault("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")
    # 1 s by default, which leaves out small programs
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    # with a limit JAX locks the folder, so that no process reads what another one has half written
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(COMPILED_BYTES))


def _held(folder: Path) -> Path:
    """Returns a path to `folder` that stays with it where another one takes its place, on Linux.

    JAX makes what is missing of a path, and would do so in a bare mount point.
    """
    held = Path(f"/proc/{os.getpid()}/fd/{os.open(folder, os.O_RDONLY)}")
    return held if held.is_dir() else folder


def processor_digest() -> str:
    """Returns 8 hexadecimal digits of what this processor can do: a program is compiled for that."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    # each core says the same again
    facts = dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features")))
    return hashlib.sha256("\n".join([platform.machine(), *facts]).encode()).hexdigest()[:8]


def end_with_parent() -> None:
    """Has this process end with the one that holds the other end of its standard input."""

    def wait() -> None:
        sys.stdin.read()  # returns when the other end is closed
        os._exit(1)  # sys.exit would end this thread alone

    threading.Thread(target=wait, daemon=True).start()


def fix_keras_settings() -> None:
    """Gives Keras its own defaults, whatever ~/.keras/keras.json or a global dtype policy say.

    The numbers of a trial are of these settings, and no key of a cache or a ledger has them. Called wherever
    a network is built, as others may have set them since.
    """
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)


def _require_backend(keras_backend: str) -> None:
    import keras

    if keras.backend.backend() != keras_backend:
        raise RuntimeError(f"this process runs Keras on {keras.backend.backend()}, not on {keras_backend}")


def available_cores() -> int:
    """Returns the number of cores that this process may use, at least 1.

    Not all cores of the machine: a batch system gives a process some of them, a container a share of time.
    """
    # Linux alone has it
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cores(_CGROUP) or cores
    # of those that Slurm counts, many a cluster's bind no process to them
    slurm = [os.environ.get(name, "") for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")]
    return max(1, min(cores, math.floor(quota), *(int(text) for text in slurm if text.isdecimal())))


def _cgroup_cores(root: Path) -> float | None:
    """Returns the cores' time that the container's limit allows; None where there is none (cgroup v2, v1)."""
    try:
        allowed, _, period = (root / "cpu.max").read_text().partition(" ")
    except OSError:
        try:
            allowed, period = (
                (root / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
        except OSError:
            return None
    if allowed.strip() in ("max", "-1"):  # none, in version 2 and in version 1
        return None
    return int(allowed) / int(period)
