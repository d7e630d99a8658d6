"""Work of a study that several drivers share: each claims the trials that it trains.

A driver writes the keys of the trials that it begins with into its sign of life, and then looks whether
another's has one of them: where it does it withdraws, so that of two that want a trial at once at most one
trains it. A claim is renewed by each sign of life and lost with the last; a driver that is alone writes none.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.json_files import parsed
from data_prep.storage.lease import EXPIRES_S, Other, Sign
from data_prep.storage.remote import address_of, pull, push
from data_prep.storage.schema import require_schema
from search.study.comparison import scored
from search.study.formats import HOLDER
from search.study.holding.holder import Holder
from search.study.layout import Layout
from search.study.ledger import Ledger, finished_trials
from search.study.setup import Problem
from trainables.trial import Trial, TrialResult, TrialStatus

TRIES, TRY_S = 5, 0.05  # to read what another writes this moment
POLL_S = 2.0  # between two looks at what others have trained
JOINED = ".joined-"  # how the sign of a driver that does not hold the study begins
Say = Callable[[str], None]


@dataclass(frozen=True)
class Partner:
    """Another driver of the study: who it is, its trials, and the names of the signs that it has seen."""

    holder: Holder
    trials: frozenset[str]
    seen: frozenset[str]

    @classmethod
    def of(cls, other: Other) -> Partner:
        """Returns the driver that a sign is of.

        Raises ValueError, KeyError or TypeError where it is damaged, such as one that is being written.
        """
        values = parsed(other.content, HOLDER)
        trials, seen = (frozenset(values.get(name, ())) for name in ("trials", "seen"))
        require_schema(holder := Holder.from_dict(values))
        return cls(holder, trials, seen)


class SharedWork:
    """The part of the driver `me`, whose sign of life is `sign`, in the study in `folder`.

    `say` prints a line, on who comes and goes. Alone, all trials are its own.
    """

    # not those who want the lease: they withdraw
    looks_for: tuple[str, ...] = (JOINED,)
    holds = True  # whether it decides

    def __init__(self, folder: Path, sign: Sign, me: Holder, say: Say) -> None:
        self._ledger = Ledger(folder, moves_damaged=False)
        self.partners: Mapping[str, Partner] = {}
        self.was_shared = False
        self.folder, self._sign, self._me, self._say = folder, sign, me, say
        self._trials: set[str] = set()
        self._shown: frozenset[str] = frozenset()  # the claims that the sign has
        self._unsent: set[str] = set()
        self._dead: set[str] = set()  # the signs of those that were killed
        self._lock = threading.RLock()  # the thread that shows signs of life looks around, too

    @property
    def is_shared(self) -> bool:
        """Whether there are other drivers now."""
        return bool(self.partners)

    def look(self) -> None:
        """Looks who else is there, and says who has come or gone; raises OSError, and InputError."""
        with self._lock:
            self._look()
            self.send()
            if self.is_shared and self._shown != self._trials:
                self._show()

    def send(self) -> None:
        """Sends what could not be sent as it was recorded; raises InputError where it still cannot be."""
        with self._lock:
            for key in list(self._unsent):
                self._send(key)

    def claim(self, keys: Sequence[str]) -> list[str]:
        """Returns the keys of those trials that are this driver's to train from now on.

        The others are another's, or in the ledger by now.
        """
        with self._lock:
            new = set(keys) - self._trials
            self._trials |= new
            if new and self.is_shared:
                lost = self._lost(new)
                self._trials -= lost
                with contextlib.suppress(OSError):
                    if lost:
                        self._show()
            return [key for key in keys if key in self._trials]

    def give_up(self, keys: Collection[str]) -> None:
        """Gives up the claims to trials that have ended without a record."""
        with self._lock:
            self._trials -= set(keys) - self._unsent

    def recorded(self, key: str) -> None:
        """Gives up the claim to a trial, once its record lies where others find it."""
        with self._lock:
            if self.is_shared and address_of(self.folder):
                self._unsent.add(key)
                with contextlib.suppress(InputError):  # it is tried again; until then the claim stands
                    self._send(key)
            else:
                self._trials.discard(key)

    def free(self, trials: Sequence[Trial]) -> list[Trial]:
        """Returns those of `trials` that no other driver has, as far as is known."""
        with self._lock:
            if not self.is_shared:
                return list(trials)
            if not self._may_claim():
                return []
            return [trial for trial in trials if self.owner_of(trial) is None]

    def owner_of(self, trial: Trial) -> Holder | None:
        """Returns the other driver that has `trial`, None where none has."""
        for partner in self.partners.values():
            if trial.key in partner.trials:
                return partner.holder
        return None

    def finished(self, trials: Sequence[Trial], problem: Problem) -> Mapping[str, TrialResult]:
        """Returns by key those of `trials` that need no training any more, whoever trained them."""
        with contextlib.suppress(InputError):  # a bucket that cannot be reached is asked again
            self.bring()
        found = finished_trials(trials, self._ledger)
        return {key: scored(result, problem, self._ledger) for key, result in found.items()}

    def wait(self) -> None:
        """Waits a moment for the others."""
        time.sleep(POLL_S)

    def bring(self) -> None:
        """Brings here what others recorded; raises InputError where the address cannot be read."""
        layout = Layout(self.folder)
        for part in (layout.predictions("").parent, layout.trials):
            pull(part)

    def require_open(self) -> None:
        """Raises an exception where nothing is left to train for this driver; who holds the study goes on."""

    def _may_claim(self) -> bool:
        # one that has not seen this driver does not know of its claims
        return all(self._sign.name in partner.seen for partner in self.partners.values())

    def _lost(self, new: set[str]) -> set[str]:
        """Returns those of the `new` claims that are another's; all of them where that cannot be known."""
        try:
            self._show()
            self._look()
            if not self._may_claim():
                return new
            taken = {key for partner in self.partners.values() for key in partner.trials & new}
            return taken | {key for key in new - taken if self._is_finished(key)}
        except (OSError, InputError):
            return new

    def _is_finished(self, key: str) -> bool:
        layout = Layout(self.folder)
        for path in (layout.predictions(key), layout.trial(key)):
            pull(path)
        found = self._ledger.find_key(key)
        whole = found and self._ledger.find_whole(found.trial)
        return whole is not None and whole.status is not TrialStatus.STOPPED

    def _look(self) -> None:
        before, now = self.partners, self._alive()
        self.partners = now
        self.was_shared = self.was_shared or self.is_shared
        if now.keys() != before.keys():
            self._show()  # from now on they may claim trials, and know which are taken
        for name in filter(_has_joined, now.keys() - before.keys()):
            self._say(f"joined    {now[name].holder}")
        for name in filter(_has_joined, before.keys() - now.keys()):
            self._say(f"left      {before[name].holder}{self._left_by(name, before[name])}")

    def _left_by(self, name: str, gone: Partner) -> str:
        if name not in self._dead:
            return ""
        trials = len(gone.trials)
        taken = f", and {trials} of its trials {'is' if trials == 1 else 'are'} taken over" if trials else ""
        return f", which gave no sign of life{taken}"

    def _alive(self) -> dict[str, Partner]:
        found: dict[str, Partner] = {}
        for other in self._sign.others(*self.looks_for):
            partner = self._partner(other)
            if other.silent_s <= EXPIRES_S and partner.holder.may_run:
                found[other.name] = partner
                continue
            self._dead.add(other.name)
            if _has_joined(other.name):
                self._sign.remove(other.name)
        return found

    def _partner(self, other: Other) -> Partner:
        for _ in range(TRIES):
            try:
                return Partner.of(other)
            except (ValueError, KeyError, TypeError):  # it is being written
                time.sleep(TRY_S)
                other = self._sign.again(other)
        raise OSError(f"{other.name} cannot be read")

    def _show(self) -> None:
        said = {"trials": sorted(self._trials), "seen": sorted(self.partners)} if self.is_shared else {}
        self._sign.content, self._shown = self._me.saying(**said), frozenset(self._trials)
        self._sign.show()

    def _send(self, key: str) -> None:
        layout = Layout(self.folder)
        # the record last: it says that both are there
        for path in (layout.predictions(key), layout.trial(key)):
            if path.exists():
                push(path)
        self._unsent.discard(key)
        self._trials.discard(key)


def _has_joined(name: str) -> bool:
    """Returns whether a sign is of a driver that joined."""
    return name.startswith(JOINED)
