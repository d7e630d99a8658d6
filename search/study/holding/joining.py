"""Joining of a study that another driver holds: it decides, and this one trains what it claims."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.lease import PREFIX, Sign, living
from data_prep.storage.remote import pull, shown
from search.study.holding.endings import end_here, unwritable
from search.study.holding.holder import Holder
from search.study.holding.shared_work import JOINED, Partner, Say, SharedWork
from search.study.layout import WORKERS_SEND
from search.study.stage_results import Result, StageFiles


class DecidedError(Exception):
    """The search is decided: nothing is left to train for it."""


class LeftAloneError(Exception):
    """The driver that held the study, which the text names, was killed, or its machine was."""


class ResultsOfAnother(StageFiles):
    """The results of a study that another driver holds, which writes them."""

    def write(self, result: Result) -> Path:
        return self.path(result.stage, result.sweep)


class Joined(SharedWork):
    """The part of a driver that joined: it trains what is not decided yet, and decides nothing."""

    looks_for = (PREFIX, JOINED)
    holds = False
    _since = ""  # when the holder began whom it joined
    _last: Holder | str = "another process"  # the holder as it was last seen
    _awaited: tuple[str, int] | None = None  # the stage and its sweep

    @property
    def is_shared(self) -> bool:
        """Always true: it never has all trials for itself."""
        return True

    @property
    def files(self) -> StageFiles:
        """The results of the study."""
        return ResultsOfAnother(self.folder)

    @property
    def holder(self) -> Holder | None:
        """The driver that holds the study, None where it is gone."""
        partner = self._holding()
        return partner.holder if partner else None

    def is_seen(self) -> bool:
        """Returns whether all others know of this driver; raises as `result` does."""
        if ended := self._ended():
            raise ended
        holder = self.holder
        self._since = self._since or (holder.since if holder else "")
        return super()._may_claim()

    def result(self, stage: str, sweep: int, train: Callable[[], object]) -> Result:
        """Returns what the holder decides on a stage, or a joint search; before that `train` helps with it.

        Raises LeftAloneError where the holder was killed, and InputError where it ended in another way.
        """
        self._awaited = stage, sweep
        with contextlib.suppress(DecidedError):
            self.require_open()
            train()
        told = False
        while True:
            ended = self._ended()  # before the look, as the last that it wrote counts
            if found := self._decided():
                return found
            if ended:
                raise ended
            if not told:
                self._say(f"waits     for {self.holder}, which decides {stage}")
            told = True
            self.wait()

    def wait_for_end(self) -> None:
        """Returns when the holder's run has ended; raises LeftAloneError where it was killed."""
        if self._ended() is None:
            self._say(f"waits     for {self.holder}, which finishes the study")
        while (ended := self._ended()) is None:
            self.wait()
        if isinstance(ended, LeftAloneError):
            raise ended
        self.bring()

    def has_ended_before(self, ended_at: str) -> bool:
        """Returns whether that moment (ISO 8601) was before the run that was joined."""
        return ended_at < self._since

    def unfinished(self) -> InputError:
        """Returns what is said where the holder's run ended and is not finished."""
        return InputError(
            f"the driver that ran the study {shown(self.folder)} ({self._last}) has ended before it was "
            "finished; run the same command again to continue"
        )

    def bring(self) -> None:
        """Brings here what others wrote; raises InputError where the address cannot be read."""
        pull(self.folder, WORKERS_SEND)

    def require_open(self) -> None:
        """Raises DecidedError where the search is decided, and as `result` where the holder is gone."""
        ended = self._ended()
        if self._decided():
            raise DecidedError
        if ended:
            raise ended

    def _may_claim(self) -> bool:
        return self._holding() is not None and super()._may_claim() and not self._decided()

    def _holding(self) -> Partner | None:
        return next((each for name, each in self.partners.items() if name.startswith(PREFIX)), None)

    def _decided(self) -> Result | None:
        if self._awaited is None:
            return None
        files = self.files
        with contextlib.suppress(InputError):  # a bucket that cannot be reached is asked again
            pull(files.path(*self._awaited))
        found = files.find(*self._awaited)
        # an earlier run may have left one, which is decided again
        return found if found and not self.has_ended_before(found.finished_at) else None

    def _ended(self) -> Exception | None:
        try:
            self.look()
            self._last = self.holder or self._last
            if self.holder:
                return None
            return LeftAloneError(self._last) if self._sign.others(PREFIX) else self.unfinished()
        except (OSError, InputError):  # a storage that is away for a moment
            return None


@contextmanager
def joined(folder: Path, say: Say) -> Iterator[Joined | None]:
    """Joins the driver that holds the study in `folder`; None where none does.

    A process that is taken for dead, as it was not heard of for minutes, is interrupted.
    """

    def lost(content: bytes) -> None:
        end_here(
            f"the other drivers of the study {shown(folder)} took this one for dead, as it gave no sign of "
            "life; it ends here"
        )

    if not folder.is_dir():
        yield None
        return
    me = Holder.here()
    sign = Sign(folder, me.content, JOINED)
    sharing = Joined(folder, sign, me, say)
    try:
        sign.show()
        sharing.look()
    except OSError as error:
        sign.remove()
        raise unwritable(folder, error) from error
    with living(sign, lost, sharing.look):
        yield sharing if sharing.holder else None
        sharing.send()
