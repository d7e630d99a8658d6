"""The licences of what is installed: the page names each package of the lock file, as its own metadata do."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import distribution

import pytest

from tests.cluster.cluster_files import ROOT
from tests.cluster.test_lock_file import PIN
from trainables.versions import installed_versions

PAGE = ROOT / "docs" / "licences.md"
ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([^|]+) \|$", re.MULTILINE)
FREE = re.compile(
    r"(Apache|MIT|BSD|0BSD|3-Clause BSD|PSF|Python Software Foundation|Mozilla|MPL|ISC|Zlib|CC0|CNRI)\b.*"
)
OF_NVIDIA = "LicenseRef-NVIDIA-Proprietary"
NOT_IN_THE_METADATA = {"namex": "Apache-2.0"}  # its file LICENSE is that
LISTED = dict(ROW.findall(PAGE.read_text("utf-8").partition("|---|---|")[2]))
LOCKED = {name: version for name, version, *_ in PIN.findall((ROOT / "requirements.lock").read_text("utf-8"))}
INSTALLED = installed_versions(LOCKED)


def licence_of(metadata: Message) -> str:
    """Returns what a package says of its licence: an expression, its classifiers, or the first line."""
    expression = metadata["License-Expression"]
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License :: ")]
    named = sorted(text.rpartition(" :: ")[2] for text in classifiers if text.count(" :: ") > 1)
    return str(expression or ", ".join(named) or (metadata["License"] or "").partition("\n")[0])


def test_page_has_the_packages_of_the_lock_file_in_their_order() -> None:
    assert list(LISTED) == sorted(LOCKED)


@pytest.mark.parametrize("name", [name for name in LOCKED if INSTALLED.get(name) == LOCKED[name]])
def test_package_has_the_licence_that_the_page_names(name: str) -> None:
    said = NOT_IN_THE_METADATA.get(name) or licence_of(distribution(name).metadata)
    assert LISTED[name] == said


@pytest.mark.parametrize("name", LISTED)
def test_licence_is_free_but_for_the_libraries_of_a_gpu(name: str) -> None:
    parts = re.split(r" AND | OR |, ", LISTED[name])
    assert all(FREE.fullmatch(part) for part in parts) or (
        name.startswith("nvidia-") and LISTED[name] == OF_NVIDIA
    )
