"""Why a worker failed, from what Tune wrote down of it as text; Ray's pickled errors are never read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trainables.worker import NODE

MEMORY_RETRIES = 3  # of a trial: memory that other processes took may be free by then
_FAILURE = re.compile(r"^Failure # \d+ \(occurred at .*\)$", re.MULTILINE)
_MEMORY = re.compile(r"low on memory|OutOfMemoryError|NODE_OUT_OF_MEMORY")
_REFUSED = re.compile(r"RefusedError: (?P<said>.+)$", re.MULTILINE)
_NODE = re.compile(rf"^{NODE}(?P<name>\w+)$", re.MULTILINE)
_WHERE = re.compile(r"IP: (?P<node>[^,)\s]+)")
_ADDRESS = re.compile(r"^\s*ip: (?P<node>\S+)$", re.MULTILINE)
_KILLED = re.compile(r"(?P<number>\d+) worker\(s\) were killed")
_FIGURES = re.compile(r"was (?P<used>[\d.]+ ?[KMGT]i?B)(?: used)? / (?P<all>[\d.]+ ?[KMGT]i?B)")


def last_failure(trial: Any) -> str:
    """Returns what Tune wrote down of the last failure of a trial of its own, "" where it did not."""
    try:
        text = Path(trial.error_file or "").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    return _FAILURE.split(text)[-1].strip()


def is_out_of_reach(failure: str) -> bool:
    """Returns whether the worker may still live, on a machine that does not answer."""
    return " is unavailable: " in failure.partition("\n")[0]


def refusal(failure: str) -> str:
    """Returns why the worker's node trains no trial of the search, "" where it does."""
    refused = _REFUSED.search(failure)
    return refused["said"] if refused else ""


def refusing_node(failure: str) -> str:
    """Returns Ray's name of the node that refused, "" where it does not stand there."""
    node = _NODE.search(failure)
    return node["name"] if node else ""


def ran_out_of_memory(failure: str) -> bool:
    """Returns whether Ray ended the worker because its machine had too little memory."""
    return _MEMORY.search(failure) is not None


def ended_together(failure: str) -> int:
    """Returns how many workers Ray ended at once as memory ran out, one where it does not say."""
    killed = _KILLED.search(failure)
    return int(killed["number"]) if killed else 1


def why(failure: str) -> str:
    """Returns in a few words why the worker failed."""
    if said := refusal(failure):
        return said.partition(";")[0]
    if ran_out_of_memory(failure):
        node, figures = _WHERE.search(failure), _FIGURES.search(failure)
        where = f" on {node['node']}" if node else ""
        said = f" ({figures['used']} of {figures['all']} were taken)" if figures else ""
        return f"memory ran out{where}{said}"
    if is_out_of_reach(failure):
        return "its worker is out of reach"
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    is_own_error = bool(lines) and "Traceback" in failure
    if is_own_error:
        return lines[-1]
    address = _ADDRESS.search(failure)
    on = f" on {address['node']}" if address else ""
    with_it = " with its machine" if "its node has died" in failure else ""
    return f"its worker{on} died{with_it}"
