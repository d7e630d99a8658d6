"""A study that is held: by a lock on one machine, by a lease between machines."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.lease import EXPIRES_S, Lease, TakenError, living, take_from_the_dead
from data_prep.storage.remote import shown
from search.study.holding.endings import end_here, unwritable
from search.study.holding.holder import Holder, read_holder, said_of
from search.study.holding.shared_work import Say, SharedWork
from search.study.layout import Layout


class HeldError(InputError):
    """Another process has the study."""


@contextmanager
def held(folder: Path, say: Say = lambda line: None) -> Iterator[SharedWork]:
    """Holds the study for this process, which others may join; raises HeldError where another has it.

    `say` prints a line on those who join. Raises InputError where the folder cannot be written.

    On one machine a lock of the operating system's says so, of which a killed process leaves nothing behind;
    the file beside it says which process has it, of which user, and since when, which keeps others out where
    somebody removed the lock. Between machines a lease does, on shared storage and in a bucket.
    """
    holder, is_made = Layout(folder).holder, not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_new = not Layout(folder).lock.exists()
        lock = FileLock(Layout(folder).lock)
        lock.acquire(timeout=0)  # at once or not: waiting would look like a hang
        if is_new:
            _require_no_holder(folder, lock)
    except Timeout:  # an OSError too
        raise HeldError(
            f"the study {folder} is being run by another process{said_of(read_holder(holder))}; wait for it, "
            "share its work with --join, or give another --study"
        ) from None
    except OSError as error:
        raise InputError(
            f"the study's folder {folder} cannot be written ({error.strerror}); give another --storage"
        ) from error
    try:
        with _leased(folder, say) as sharing:
            write_whole(holder, lambda file: file.write(Holder.here().content))
            try:
                yield sharing
            finally:
                with contextlib.suppress(OSError):  # a storage that is gone
                    holder.unlink(missing_ok=True)
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            # a start that failed left nothing else
            if is_made and list(folder.iterdir()) == [Layout(folder).lock]:
                Layout(folder).lock.unlink()
                folder.rmdir()


@contextmanager
def _leased(folder: Path, say: Say) -> Iterator[SharedWork]:
    """Has the study's lease; a process that loses it, as it was not heard of for minutes, is interrupted."""

    def lost(content: bytes) -> None:
        end_here(
            f"the study {shown(folder)} was taken over by another process{said_of(Holder.of(content))}, as "
            "this one gave no sign of life; it ends here"
        )

    def waits(error: TakenError) -> None:
        warnings.warn(
            f"the study {shown(folder)} is another process's{said_of(Holder.of(error.content))}; this one "
            f"waits for its next sign of life, and goes on where there is none for {EXPIRES_S:g} s",
            stacklevel=2,
        )

    def is_over(content: bytes) -> bool:
        other = Holder.of(content)
        return other is not None and not other.may_run

    me = Holder.here()
    lease = Lease(folder, me.content, is_over)
    sharing = SharedWork(folder, lease, me, say)
    try:
        take_from_the_dead(lease, waits)
        with contextlib.suppress(OSError):  # a sign that is being written is seen in a moment
            sharing.look()  # before anything is trained: they may be here already
    except TakenError as error:
        other = said_of(Holder.of(error.content))
        raise HeldError(
            f"the study {shown(folder)} is being run by another process{other}; wait for it, share its work "
            "with --join, or give another --study"
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    with living(lease, lost, sharing.look):
        yield sharing


def _require_no_holder(folder: Path, lock: FileLock) -> None:
    """Raises HeldError where a process runs the study whose lock was removed, and anyone gets a new one."""
    holder = read_holder(path := Layout(folder).holder)
    if holder and holder.may_run:
        lock.release()
        raise HeldError(
            f"the study {folder} is being run by another process{said_of(holder)}, whose lock somebody "
            f"removed; wait for it, give another --study, or remove {path} where it has ended"
        )
