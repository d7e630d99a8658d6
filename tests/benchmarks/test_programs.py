"""Programs: their descendants' CPU time counts, and their failures are told."""

import subprocess
import sys

import pytest

from benchmarks.programs import Family, run_program

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
WITH_CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BUSY + chr(10) + "print('done', flush=True); input()"!r}])
"""


def test_a_family_counts_what_its_descendants_did() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "done\n"
        family = Family(parent.pid)
        family.look()
        parent.communicate("\n")
    assert family.cpu_s() >= 0.3


def test_run_program_returns_what_it_took() -> None:
    cost = run_program("timeit", ["-n", "1", "-r", "1", "import time; time.sleep(0.5)"])
    assert cost.wall_s >= 0.5
    assert 0 <= cost.cpu_s < cost.wall_s


def test_run_program_tells_why_one_failed() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)python -m timeit failed:.*ZeroDivisionError"):
        run_program("timeit", ["-n", "1", "1 / 0"])
