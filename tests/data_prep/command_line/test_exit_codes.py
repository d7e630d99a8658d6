from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

from data_prep.command_line.exit_codes import exit_code, keeping_sigterm
from data_prep.errors import InputError


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("no such file"), 1, "error: no such file\n"),
        (FileNotFoundError(2, "No such file", "a.csv"), 1, "error: a.csv cannot be used (No such file)\n"),
        (OSError(28, "No space left"), 1, "error: a file cannot be used (No space left)\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_exit_code_of_what_may_go_wrong(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(raising(error), "stopped") == code
    assert capsys.readouterr() == ("", said)


def test_exit_code_of_work_that_is_done() -> None:
    assert exit_code(lambda: None) == 0


def test_bug_stays_an_exception() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 / 0)


def test_reader_that_has_gone_is_no_error_to_tell() -> None:
    code = (
        "from data_prep.command_line.exit_codes import exit_code\n"
        "raise SystemExit(exit_code(lambda: print('x' * 10**7)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr
    assert (process.wait(), process.stderr.read()) == (1, b"")
    process.stderr.close()


def test_sigterm_ends_work_like_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(lambda: signal.raise_signal(signal.SIGTERM), "stopped") == 143
    assert capsys.readouterr() == ("", "stopped\n")
    assert signal.getsignal(signal.SIGTERM) == before


def test_sigterm_is_given_back_to_who_had_it() -> None:
    def work() -> None:
        mine = signal.getsignal(signal.SIGTERM)
        with keeping_sigterm():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is mine

    assert exit_code(work) == 0


def test_what_pillow_finds_odd_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        warnings.warn_explicit("odd", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")

    assert exit_code(work) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("code", "ended"), [(130, 130), (143, 143), (0, -signal.SIGKILL)])
def test_process_whose_code_is_known_ends_with_it(code: int, ended: int) -> None:
    crashing = (
        "import atexit, os, signal\n"
        "from data_prep.command_line.exit_codes import end_process\n"
        "class Compiled:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid()): kill(pid, 9)\n"
        "import sys; sys.kept = Compiled()\n"
        "def at_the_end():\n"
        "    for number in (signal.SIGINT, signal.SIGTERM): os.kill(os.getpid(), number)\n"
        "    print('at the end')\n"
        "atexit.register(at_the_end)\n"
        f"end_process({code})\n"
    )
    run = subprocess.run([sys.executable, "-c", crashing], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (ended, "at the end\n")
