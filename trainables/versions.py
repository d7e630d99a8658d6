"""Versions of installed packages: what stands beside numbers, so that a reader can repeat them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

PACKAGES = ("stagewise", "keras", "ray", "numpy")  # of every trial, whatever it trains on
CODE_ROOT = Path(__file__).parents[1]
CODE_PACKAGES = ("data_prep", "trainables", "search")


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Returns the version of each of `packages` that is installed, by name."""
    from importlib.metadata import PackageNotFoundError, version  # slow, and not every command asks

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def versions_of_a_trial() -> dict[str, str]:
    """Returns the versions of PACKAGES and of Python."""
    return {**installed_versions(PACKAGES), "python": platform.python_version()}


def maker_of_a_trial(device: Mapping[str, str]) -> dict[str, str]:
    """Returns what a trial is made by here: versions, the machine's name as `node`, facts of its device."""
    return {**versions_of_a_trial(), "node": platform.node(), **device}


@cache  # every trial on a cluster asks, and the digest reads hundreds of files
def versions_here(backend: str) -> Mapping[str, str]:
    """Returns what must be equal on all nodes: versions by name, and the project's with its code's digest."""
    libraries = {"Ray": "ray", "Keras": "keras", backend: backend}
    found = installed_versions((*libraries.values(), "stagewise"))
    return {
        "Python": platform.python_version(),
        **{name: found.get(package, "missing") for name, package in libraries.items()},
        "stagewise": f"{found.get('stagewise', 'missing')} (code {_code_digest(CODE_ROOT)})",
    }


def differing_version(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Returns in words what is not the same on a node as on the driver's, empty where all is."""
    for name, wanted in here.items():
        if there.get(name) != wanted:
            return f"{name} {there.get(name)}, the driver's has {wanted}"
    return ""


def _code_digest(root: Path) -> str:
    """Returns 8 hexadecimal digits of the project's Python files, names and bytes."""
    digest = hashlib.sha256()
    for package in CODE_PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]
