"""The connection of this process to Ray, and what Ray is told of how we use it."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.job_config import JobConfig

from data_prep.command_line.exit_codes import keeping_sigterm
from data_prep.errors import InputError
from search.options.run_groups import MachineOptions
from search.ray_tune.failures import session_folders
from search.ray_tune.failures.ray_processes import Keeper, leave_ray
from search.ray_tune.gpus import require_gpus
from search.ray_tune.nodes import prepare_nodes, request_nodes, require_room, wait_for_room
from search.ray_tune.preflight import Errand, Share
from search.study.setup import Problem
from trainables import worker
from trainables.process_setup import available_cores

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a trial without a GPU sees none
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger is ours
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the search at once
    "TUNE_GLOBAL_CHECKPOINT_S": "600",  # Ray's own state is never read again
    "TUNE_WARN_THRESHOLD_S": "10",
}


@dataclass(frozen=True)
class Connection:
    """A connection to Ray: who ends what is left of it, and the folder of a session that began with it."""

    keeper: Keeper
    session: Path | None = None


# which are on ports of the raylet, the autoscaler and the dashboard's process, for all, without the token
_WITHOUT_METRICS = {
    "RAY_enable_metrics_collection": "0",
    # there is no such port, and Ray goes on without it; it takes nothing below 0
    "AUTOSCALER_METRIC_PORT": "65536",
    "DASHBOARD_METRIC_PORT": "65536",
}
# a process for each core, before anything is asked for; a trial gets a new one all the same
_WITHOUT_IDLE_WORKERS = {"RAY_prestart_worker_first_driver": "0"}


def connect(address: str | None, *, verbose: bool) -> Connection:
    """Connects to the Ray at `address`; None starts one on this machine.

    `verbose` lets Ray and the workers say what they do. Raises InputError where Ray cannot be used.
    """
    # with a traceback, while the driver tells in a line why a trial begins again
    wishes = {**_ENVIRONMENT, "TUNE_PRINT_ALL_TRIAL_ERRORS": str(int(verbose))}
    if address is None:
        wishes |= _WITHOUT_METRICS | _WITHOUT_IDLE_WORKERS
    os.environ.update({name: os.environ.get(name, value) for name, value in wishes.items()})
    keeper = Keeper(address)
    session = _begin(address, verbose=verbose)
    if address:
        return Connection(keeper)
    session_folders.mark(session)
    return Connection(keeper, session)


def _begin(address: str | None, *, verbose: bool) -> Path:
    """Returns the folder of the session."""
    level = logging.INFO if verbose else logging.ERROR
    logging.getLogger("ray").setLevel(level)
    # it misses the figures that are taken from ended trials, in vain
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    try:
        with keeping_sigterm():  # Ray's own way with it prints a stack
            started = ray.init(
                address=address or "local",
                num_cpus=None if address else available_cores(),  # Ray counts all cores of the machine
                include_dashboard=False if address is None else None,
                log_to_driver=verbose,
                logging_level=level,
                job_config=_own_packages(),
            )
    except SystemExit:  # what Ray makes of SIGTERM while it starts; now the handler is ours again
        signal.raise_signal(signal.SIGTERM)
        raise
    except Exception as error:  # ConnectionError, ValueError, AuthenticationError, RpcError …
        raise InputError(_why_not(address, error)) from error
    return Path(started.address_info["session_dir"])


def disconnect(connection: Connection, *, keeps_logs: bool = False) -> None:
    """Leaves Ray, or ends the one that was started here; unless it `keeps_logs` its folder goes with it."""
    with keeping_sigterm():  # its handler goes as compiled code of Ray's ends
        leave_ray()
    connection.keeper.close()
    if connection.session and not keeps_logs:
        session_folders.remove(connection.session)


def _why_not(address: str | None, error: Exception) -> str:
    """Returns the sentence on a Ray that cannot be used, with the way out that fits its cause."""
    said = str(error).partition("\n")[0]
    if isinstance(error, ray.exceptions.AuthenticationError) or "InvalidAuthToken" in str(error.__cause__):
        return (
            f"the Ray at {address} asks for its token, and this process has none or another; copy "
            "~/.ray/auth_token from its head to the same place here, and set RAY_AUTH_MODE=token"
        )
    if address:
        return f"Ray cannot be used at {address} ({said}); check --address, or leave it out to start Ray here"
    if "AF_UNIX path length" in said:
        folder = tempfile.gettempdir()
        return (
            f"Ray cannot start, as the path of the folder for temporary files is too long: {folder} has "
            f"{len(os.fsencode(folder))} bytes, and names of Ray's sockets in it more than a system takes; "
            "set TMPDIR (or RAY_TMPDIR) to a short path, such as /tmp"
        )
    if isinstance(error, PermissionError):
        where = error.filename or "a folder of Ray's"
        return (
            f"Ray cannot start, as {where} cannot be written ({error.strerror}); make it writable, or set "
            "HOME and TMPDIR to folders that are"
        )
    return (
        f"Ray cannot be started on this machine ({said}); a machine that is overloaded may need another try, "
        "and the folder for temporary files (TMPDIR) has to have room"
    )


def _own_packages() -> JobConfig:
    """Returns what makes workers import our packages from where this process has them, before all else.

    By itself Ray puts the current folder first, where a file search.py would stand for our package.
    """
    here = str(Path(worker.__file__).parents[1])
    # Ray leaves the current folder out for jobs of its client only, and asks nothing else of the mark
    return JobConfig(_client_job=True, _py_driver_sys_path=[here])


def require_ready(machine: MachineOptions, folders: Mapping[str, Path], problem: Problem) -> list[int]:
    """Raises InputError where trials would fail, each in its own way, or wait for ever.

    `folders` are those that every node must reach, by what they are called. Returns the bytes that a trial
    has of the GPU of each node, where trials have one and that is known.
    """
    share = Share.of(machine)
    if machine.address is None:
        require_room(share)
        return require_gpus(problem.keras_backend, share) if share.gpus else []
    try:
        wait_for_room(share, machine.node_timeout_s)
        prepare_nodes(Errand.of(folders, problem.manifest.image_paths(), problem.keras_backend))
        return require_gpus(problem.keras_backend, share) if share.gpus else []
    finally:
        request_nodes(share, 0)  # from here on work that waits is what asks


def let_wait(trials: str) -> None:
    """Lets as many trials of the next search wait for a worker; "auto" leaves it to Tune."""
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = trials
