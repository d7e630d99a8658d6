"""The lock file: a version of all that the project asks for, and the digests of its files."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.cluster.cluster_files import ROOT

LOCK = ROOT / "requirements.lock"
PIN = re.compile(
    r"([a-z0-9][a-z0-9-]*)==([0-9][0-9a-z.!]*)(?: ; (.+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
WHERE = ("x86_64", "aarch64")


def locked(machine: str = WHERE[0]) -> dict[str, str]:
    """Returns the versions by name that hold on Linux on such a processor."""
    here = {"sys_platform": "linux", "platform_machine": machine}
    pins = PIN.findall(LOCK.read_text("utf-8"))
    return {name: pinned for name, pinned, marker, _ in pins if not marker or Marker(marker).evaluate(here)}


def asked_for() -> list[Requirement]:
    """Returns what setup.cfg asks for, in all of its extras but the developers' tools."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = {name: text for name, text in setup["options.extras_require"].items() if name != "dev"}
    listed = "\n".join([setup["options"]["install_requires"], *extras.values()])
    return [Requirement(line) for line in listed.splitlines() if line]


def test_lock_file_holds_versions_with_digests_and_nothing_else() -> None:
    text = re.sub(r"^#.*\n", "", LOCK.read_text("utf-8"), flags=re.MULTILINE)
    assert PIN.sub("", text) == ""


@pytest.mark.parametrize("machine", WHERE)
@pytest.mark.parametrize("requirement", asked_for(), ids=lambda requirement: requirement.name)
def test_locked_version_is_one_that_the_project_takes(requirement: Requirement, machine: str) -> None:
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    assert requirement.specifier.contains(locked(machine)[name])


@pytest.mark.parametrize("machine", WHERE)
def test_lock_file_has_the_libraries_of_a_gpu(machine: str) -> None:
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12", "jax-cuda12-plugin"} <= locked(machine).keys()


@pytest.mark.parametrize(
    ("digest", "told"), [("0" * 64, "Hash mismatch"), (None, "")], ids=["another", "its own"]
)
def test_uv_takes_no_file_with_another_digest(tmp_path: Path, digest: str | None, told: str) -> None:
    wheel = _wheel_of_nothing(tmp_path)
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "lock").write_text(f"nothing==1.0 \\\n    --hash=sha256:{digest}\n")
    install = "uv pip install --no-cache --no-index --find-links . --target there -c lock nothing"
    done = subprocess.run(
        [sys.executable, "-m", *install.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told in done.stderr
    assert (tmp_path / "there" / "nothing.py").exists() == (not told)


def _wheel_of_nothing(folder: Path) -> Path:
    path, facts = folder / "nothing-1.0-py3-none-any.whl", "nothing-1.0.dist-info"
    with ZipFile(path, "w") as wheel:
        wheel.writestr("nothing.py", "")
        wheel.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(
            f"{facts}/RECORD", f"nothing.py,,\n{facts}/METADATA,,\n{facts}/WHEEL,,\n{facts}/RECORD,,\n"
        )
    return path
