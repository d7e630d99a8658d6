"""Work that threads do ahead of its reader, such as the decoding of pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

Done = TypeVar("Done")


def done_ahead(
    work: Callable[..., Done], tasks: Iterable[tuple[Any, ...]], ahead: int, workers: int
) -> Generator[Done, None, None]:
    """Yields `work(*task)` of each task, in their order; threads do up to `ahead` before they are asked for.

    What `work` raises is raised here, and the tasks that are left are dropped.
    """
    left = iter(tasks)
    pending: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            pending.extend(pool.submit(work, *task) for task in islice(left, ahead))
            while pending:
                done = pending.popleft().result()
                # begun before its reader is busy with `done`
                pending.extend(pool.submit(work, *task) for task in islice(left, 1))
                yield done
        finally:
            # a reader that leaves early waits for what runs only
            pool.shutdown(wait=False, cancel_futures=True)
