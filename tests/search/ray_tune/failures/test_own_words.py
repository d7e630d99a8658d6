"""Ray's own words: they go to the study's logs, and what else is printed to standard error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search.ray_tune.failures.own_words import own_words_kept

# a process of its own: here pytest has the descriptors
_SEARCH = """
import os, sys, threading, warnings
from pathlib import Path
from data_prep.command_line.console import only_warnings, text_console
from search.ray_tune.failures.own_words import own_words_kept

console = text_console(stderr=True)
with own_words_kept(Path(sys.argv[1])):
    os.write(2, b"of compiled code\\n")
    note = threading.Thread(target=print, args=["a note"], name="ray_listen_error_messages")
    note.start()
    note.join()
    print("printed")
    console.print("progress")
with only_warnings(), own_words_kept(Path(sys.argv[1])):
    os.write(2, b"and more\\n")
    warnings.warn("a warning")
os.write(2, b"after it\\n")
"""


def test_words_of_rays_are_kept_and_all_others_are_told(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SEARCH, tmp_path], capture_output=True, text=True)
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["printed", "progress", "warning: a warning", "after it"]
    said = (tmp_path / "logs" / "ray.log").read_text("utf-8")
    assert said.splitlines() == ["of compiled code", "a note", "and more"]


def interrupt() -> None:
    print("printed")
    raise KeyboardInterrupt


def test_ray_that_says_nothing_leaves_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), own_words_kept(tmp_path):
        interrupt()
    assert capsys.readouterr().err == "printed\n"
    assert list(tmp_path.iterdir()) == []
