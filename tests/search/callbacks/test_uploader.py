"""A study that is sent to a bucket while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import InputError
from data_prep.storage.remote import is_file, located, pull
from search.callbacks.uploader import Uploader
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial
from tests.waiting import wait_until
from trainables.trial import TrialResult


def ended_trial(study: Path) -> TrialResult:
    """Returns the result of a trial that stands in the study's ledger."""
    result = make_result(make_trial(), 0.5)
    Ledger(study).record(result, np.full(3, 0.5))
    return result


def send(sender: Uploader, result: TrialResult) -> None:
    """Tells the sender of an ended trial, and waits until it has tried to send it."""
    sender.trial_ended(result)
    sender._ended.put(None)
    sender._thread.join()


def test_ended_trial_is_sent_at_once(bucket: str) -> None:
    study = located(f"{bucket}/study")
    ledger = Ledger(study)
    sender = Uploader(study, ledger, all_every_s=600)
    result = ended_trial(study)
    sender.trial_ended(result)
    wait_until(lambda: is_file(ledger.path(result.trial)), "the trial is in the bucket")
    sender.close()
    shutil.rmtree(study)
    pull(study)
    assert ledger.find(result.trial) == result
    np.testing.assert_array_equal(ledger.predictions(result.trial), np.full(3, 0.5))


def test_rest_of_the_study_is_sent_now_and_then_and_at_the_end(bucket: str) -> None:
    study = located(f"{bucket}/study")
    study.mkdir(parents=True)
    (study / "live.json").write_text("{}")
    sender = Uploader(study, Ledger(study), all_every_s=0.1)
    wait_until(lambda: is_file(study / "live.json"), "the live state is in the bucket")
    (study / "winner").mkdir()
    (study / "winner" / "model.keras").write_bytes(b"model")
    (study / "checkpoints").mkdir()
    (study / "checkpoints" / "state.npz").write_bytes(b"a worker's")
    sender.close()
    assert is_file(study / "winner" / "model.keras")
    assert not is_file(study / "checkpoints" / "state.npz")


def test_bucket_that_is_gone_costs_a_warning_and_a_sentence_at_the_end(bucket: str) -> None:
    study = located("s3://nobody-has-this/study")
    result = ended_trial(study)
    sender = Uploader(study, Ledger(study), all_every_s=600)
    with pytest.warns(UserWarning, match="what is finished is kept here and sent later"):
        send(sender, result)
    with pytest.raises(InputError, match="s3://nobody-has-this/study cannot be used"):
        sender.close()
    assert Ledger(study).find(result.trial) == result
