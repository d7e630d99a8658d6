"""Versions of installed packages: what stands beside numbers, so that a reader can repeat them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("stagewise", "keras", "ray", "numpy")  # of every trial, whatever it trains on


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Returns the version of each of `packages` that is installed, by name."""
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
