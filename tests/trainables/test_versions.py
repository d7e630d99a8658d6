"""Versions: of what is installed, and of Python."""

from __future__ import annotations

import platform

import numpy as np

from trainables.versions import (
    PACKAGES,
    installed_versions,
    maker_of_a_trial,
    versions_here,
    versions_of_a_trial,
)


def test_package_that_is_not_installed_has_no_version() -> None:
    assert installed_versions(["numpy", "no-such-package"]) == {"numpy": np.__version__}


def test_trial_notes_its_packages_and_python() -> None:
    assert list(versions_of_a_trial()) == [*PACKAGES, "python"]
    assert versions_of_a_trial()["python"] == platform.python_version()


def test_trial_notes_its_machine_and_its_device() -> None:
    maker = maker_of_a_trial({"device": "NVIDIA T4", "keras_backend": "jax"})
    assert (maker["node"], maker["device"], maker["keras_backend"]) == (platform.node(), "NVIDIA T4", "jax")


def test_versions_name_python_ray_keras_the_backend_and_our_code() -> None:
    assert list(versions_here("jax")) == ["Python", "Ray", "Keras", "jax", "stagewise"]
