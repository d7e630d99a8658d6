"""Work that several drivers share: a trial is one driver's, and nobody's once that gives no sign of life."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage.lease import EXPIRES_S, Lease, Sign
from data_prep.storage.remote import located
from search.study.holding.holder import Holder
from search.study.holding.joining import DecidedError, Joined, LeftAloneError
from search.study.holding.shared_work import JOINED, SharedWork
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.stage_results import StageFiles
from tests.search.makers import make_problem, make_result, make_stage_result, make_trial
from trainables.trial import TrialStatus

SINCE = "2026-11-26T10:00:00+00:00"


def holding(folder: Path, said: list[str] | None = None) -> SharedWork:
    """The driver on the host "a", which holds the study."""
    me = Holder(host="a", pid=1, user="ann", since=SINCE)
    sign = Lease(folder, me.content, lambda content: False)
    sign.show()
    return SharedWork(folder, sign, me, ([] if said is None else said).append)


def joining(folder: Path, host: str = "b") -> Joined:
    """A driver on another host that joined it, and is not seen yet."""
    me = Holder(host=host, pid=1, user="ben", since=SINCE)
    sign = Sign(folder, me.content, JOINED)
    sign.show()
    joined = Joined(folder, sign, me, lambda line: None)
    joined.look()
    return joined


def both(folder: Path, said: list[str] | None = None) -> tuple[SharedWork, Joined]:
    """Two drivers that have seen each other."""
    holder, joined = holding(folder, said), joining(folder)
    holder.look()
    assert joined.is_seen()
    return holder, joined


def silence(path: Path) -> None:
    then = time.time() - EXPIRES_S - 10
    os.utime(path, (then, then))


def test_alone_all_trials_are_ones_own_and_nothing_is_written(tmp_path: Path) -> None:
    alone = holding(tmp_path)
    before = [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]
    assert alone.claim(["1", "2"]) == ["1", "2"]
    alone.look()
    alone.recorded("1")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == before


def test_trial_that_was_begun_alone_is_not_another_drivers(tmp_path: Path) -> None:
    holder = holding(tmp_path)
    holder.claim(["1"])
    joined = joining(tmp_path)
    assert joined.claim(["2"]) == []  # nobody has seen it yet
    holder.look()
    assert joined.claim(["1", "2"]) == ["2"]
    assert holder.claim(["1", "2", "3"]) == ["1", "3"]


def test_trial_that_ended_without_a_record_is_free_again(tmp_path: Path) -> None:
    holder, joined = both(tmp_path)
    holder.claim(["1"])
    assert joined.claim(["1"]) == []
    holder.give_up(["1"])
    holder.look()
    assert joined.claim(["1"]) == ["1"]


def test_trial_that_another_recorded_is_not_claimed(tmp_path: Path) -> None:
    holder, joined = both(tmp_path)
    done = make_result(make_trial(seed=1), 0.9)
    stopped = make_result(make_trial(seed=2), 0.9, status=TrialStatus.STOPPED)
    for result in (done, stopped):
        Ledger(tmp_path).record(result)
    keys = [done.trial.key, stopped.trial.key]
    assert joined.claim(keys) == keys[1:]  # one that was stopped is trained to its end
    assert list(holder.finished([done.trial, stopped.trial], make_problem(tmp_path))) == keys[:1]


def test_driver_that_joins_later_waits_until_all_know_it(tmp_path: Path) -> None:
    holder, joined = both(tmp_path)
    third = joining(tmp_path, "c")
    holder.look()
    assert not third.is_seen()
    assert third.claim(["1"]) == []
    joined.look()
    assert third.claim(["1"]) == ["1"]
    assert joined.claim(["1"]) == []


def test_joined_driver_without_a_sign_of_life_loses_its_trials(tmp_path: Path) -> None:
    said: list[str] = []
    holder, joined = both(tmp_path, said)
    assert joined.claim(["1"]) == ["1"]
    assert holder.claim(["1"]) == []
    (sign,) = tmp_path.glob(f"{JOINED}*")
    silence(sign)
    assert holder.claim(["1"]) == ["1"]
    assert said == [
        "joined    process 1 of ben on b",
        "left      process 1 of ben on b, which gave no sign of life, and 1 of its trials is taken over",
    ]
    assert not sign.exists()
    assert not holder.is_shared


def test_holder_that_was_killed_leaves_the_study_to_who_joined(tmp_path: Path) -> None:
    _, joined = both(tmp_path)
    (lease,) = tmp_path.glob(".lease-*")
    silence(lease)
    assert joined.claim(["1"]) == []  # nobody would decide on it
    with pytest.raises(LeftAloneError, match="1 of ann on a"):
        joined.result("lr", 1, lambda: pytest.fail("it was trained"))


def test_holder_that_ended_before_the_decision_is_told(tmp_path: Path) -> None:
    _, joined = both(tmp_path)
    (lease,) = tmp_path.glob(".lease-*")
    joined.look()
    lease.unlink()
    with pytest.raises(InputError, match=r"has ended before it was finished; run the same command again"):
        joined.result("lr", 1, lambda: pytest.fail("it was trained"))


def test_decision_of_this_run_ends_the_training(tmp_path: Path) -> None:
    _, joined = both(tmp_path)
    files = StageFiles(tmp_path)
    earlier = make_stage_result("lr", "learning_rate", finished_at="2026-11-26T09:00:00.000000+00:00")
    now = make_stage_result("lr", "learning_rate", finished_at="2026-11-26T11:00:00.000000+00:00")
    files.write(earlier)

    def train() -> None:
        joined.require_open()
        assert joined.claim(["1"]) == ["1"]
        files.write(now)
        assert joined.claim(["2"]) == []
        with pytest.raises(DecidedError):
            joined.require_open()
        joined.require_open()

    assert joined.result("lr", 1, train).finished_at == now.finished_at


def test_bucket_says_who_has_which_trial(bucket: str, tmp_path: Path) -> None:
    study = located(f"{bucket}/study")
    holder, joined = both(study)
    result = make_result(make_trial(), 0.9)
    key = result.trial.key
    assert holder.claim([key]) == [key]
    assert joined.claim([key, "2"]) == ["2"]
    Ledger(study).record(result)
    holder.recorded(key)
    Layout(study).trial(key).unlink()  # the other machine has a copy of its own
    assert joined.claim([key]) == []
    assert list(joined.finished([result.trial], make_problem(tmp_path))) == [key]


RACE = """
import random, sys, time
from pathlib import Path
from data_prep.storage.lease import Sign
from search.study.holding.holder import Holder
from search.study.holding.shared_work import JOINED, SharedWork

folder, host = Path(sys.argv[1]), sys.argv[2]
me = Holder(host=host, pid=1, user="ann", since="")
sign = Sign(folder, me.content, JOINED)
sign.show()
work = SharedWork(folder, sign, me, lambda line: None)
while not (work.is_shared and work._may_claim()):
    work.look()
keys, ours = [str(number) for number in range(100)], []
left = list(keys)
while left:
    for key in left:
        ours += work.claim([key])
    others = {key for partner in work.partners.values() for key in partner.trials}
    left = [key for key in left if key not in ours and key not in others]
    time.sleep(0.01 * random.random())
print(*ours, flush=True)
sys.stdin.read()
"""


def test_of_two_processes_that_want_the_same_trials_each_gets_its_own(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        racing = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), host], stdin=pipe, stdout=pipe)
            )
            for host in ("a", "b")
        ]
        claimed = [process.stdout.readline().decode().split() for process in racing if process.stdout]
        for process in racing:
            process.communicate()
    assert sorted([*claimed[0], *claimed[1]], key=int) == [str(number) for number in range(100)]
