"""Checks of a cluster before its first trial: one storage, one set of versions, the data there.

What a node sees of this is looked up on the node; the rest compares it with what this process sees.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import address_of, drop, is_file, pull, push, shown
from data_prep.storage.standing import mark_of
from search.options.run_groups import MachineOptions
from trainables.versions import differing_version, versions_here

ACCELERATOR = "accelerator_type:"  # how Ray's names of such resources begin
POLL_S = 0.2
SETTLE_S = 5.0  # until a file that another machine wrote is seen here: NFS looks again after three seconds


@dataclass(frozen=True)
class Node:
    """A node of Ray's that is alive, with all that it offers."""

    node_id: str
    name: str
    address: str
    cpus: float
    gpus: float
    accelerators: tuple[str, ...] = ()  # the kinds of its GPUs, as Ray calls them

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True)
class Share:
    """What a trial asks of a node: CPUs, GPUs or a part of one, and the kind of GPU, None for any."""

    cpus: int
    gpus: float = 0.0
    accelerator: str | None = None

    @classmethod
    def of(cls, machine: MachineOptions) -> Share:
        """Returns what a trial asks for with these options."""
        return cls(machine.trial_cpus, machine.gpus_per_trial, machine.accelerator)

    def fits(self, node: Node) -> bool:
        """Returns whether the node has as much, and GPUs of that kind."""
        return node.cpus >= self.cpus and node.gpus >= self.gpus and self.is_kind_of(node)

    def is_kind_of(self, node: Node) -> bool:
        """Returns whether the node's GPUs are of that kind."""
        return self.accelerator is None or self.accelerator in node.accelerators

    @property
    def kind(self) -> dict[str, float]:
        """The resource of Ray's that only nodes with that kind of GPU have; nobody takes the whole of it."""
        return {f"{ACCELERATOR}{self.accelerator}": 0.001} if self.accelerator else {}

    def __str__(self) -> str:
        of_kind = f" of kind {self.accelerator}" if self.accelerator else ""
        return f"{self.cpus} CPUs and {self.gpus:g} GPUs{of_kind}"


@dataclass(frozen=True)
class Errand:
    """Task of every node: to write `token` into each of the folders, and to look for the images.

    `folders` maps the option that names a folder to the folder, `marks` to what lies in that folder: nothing
    is written without it, as the bare mount point of a storage that went away has none. `backend` is the
    library that trains.
    """

    folders: Mapping[str, Path]
    marks: Mapping[str, Path]
    images: tuple[Path, ...]
    backend: str
    token: str

    @classmethod
    def of(cls, folders: Mapping[str, Path], images: Sequence[Path], backend: str) -> Errand:
        """Returns the errand, with the first and the last of the images of a data set."""
        ends = tuple(dict.fromkeys((images[0], images[-1]))) if images else ()  # one image is both
        marks = {
            option: mark.absolute()
            for option, folder in folders.items()
            if (mark := mark_of(folder)) and not address_of(folder)  # each node has copies of its own of that
        }
        return cls(folders, marks, ends, backend, secrets.token_hex(8))

    def probe(self, option: str, node_id: str) -> Path:
        """Returns the file that the node writes into the folder of `option`."""
        return self.folders[option] / f".probe-{self.token}-{node_id[:12]}"

    def clear(self, nodes: Iterable[Node]) -> None:
        """Removes what the nodes have written."""
        for option in self.folders:
            for node in nodes:
                drop(self.probe(option, node.node_id))


@dataclass(frozen=True)
class Sight:
    """Findings of a node: the versions there, why a folder could not be written, which images are missing."""

    versions: Mapping[str, str]
    unwritable: Mapping[str, str]
    missing: tuple[Path, ...]


def look_around(errand: Errand, node_id: str) -> Sight:
    """Does the errand on the node where it is called."""
    unwritable: dict[str, str] = {}
    for option in errand.folders:
        probe, mark = errand.probe(option, node_id), errand.marks.get(option)
        if mark and not _comes(mark.exists, time.monotonic() + SETTLE_S):
            unwritable[option] = f"it has no {mark.name}"
            continue
        try:
            if address_of(probe):
                probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_text(errand.token)
            push(probe)
        except (OSError, InputError) as error:
            unwritable[option] = getattr(error, "strerror", None) or str(error)
    missing = tuple(path for path in errand.images if not is_file(path))
    return Sight(versions_here(errand.backend), unwritable, missing)


def describe_nodes(nodes: Sequence[Node]) -> Iterator[str]:
    """Yields one line per node, and one that sums them up."""
    for node in nodes:
        yield f"node      {node}: {_count(node.cpus, 'CPU')}, {_count(node.gpus, 'GPU')}"
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    yield f"cluster   {_count(len(nodes), 'node')}, {_count(cpus, 'CPU')}, {_count(gpus, 'GPU')}"


def require_ready(errand: Errand, sights: Mapping[Node, Sight], settle_s: float = SETTLE_S) -> None:
    """Raises InputError, a sentence that names the node, where one of them is not fit for trials.

    Checked in this order: versions, the folders (a file written there is looked for here, up to `settle_s`
    seconds), the images.
    """
    for node, sight in sights.items():
        _require_versions(node, sight.versions, versions_here(errand.backend))
    deadline = time.monotonic() + settle_s
    for option in errand.folders:
        for node, sight in sights.items():
            _require_shared(errand, option, node, sight, deadline)
    for node, sight in sights.items():
        _require_data(node, sight)


def _require_versions(node: Node, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    if told := differing_version(there, here):
        raise InputError(
            f"node {node} has {told}; install the same on every node (uv pip install -c requirements.lock)"
        )


def _require_shared(errand: Errand, option: str, node: Node, sight: Sight, deadline: float) -> None:
    reason = sight.unwritable.get(option)
    probe = errand.probe(option, node.node_id)
    if reason is None and not _comes(lambda: _has_arrived(probe, errand.token), deadline):
        reason = "what was written there is not here"
    if reason:
        raise InputError(
            f"{shown(errand.folders[option])} is not the same folder on node {node} as here ({reason}); "
            f"give --{option} a folder that all nodes share"
        )


def _has_arrived(path: Path, token: str) -> bool:
    pull(path)
    try:
        return path.read_text() == token
    except FileNotFoundError:
        return False


def _comes(holds: Callable[[], bool], deadline: float) -> bool:
    """Returns whether something holds by the deadline; it is looked at once at least."""
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _require_data(node: Node, sight: Sight) -> None:
    if sight.missing:
        raise InputError(
            f"node {node} does not have the image {shown(sight.missing[0])}; "
            "put the data where every node reads it, and name that place with --data-root"
        )


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}" + ("" if number == 1 else "s")
