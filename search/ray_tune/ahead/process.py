"""Process that does ahead, on one machine, what Ray's workers would do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


class HeadStart:
    """Process that does ahead what Ray's workers would do: it runs `module` with `words`, and waits.

    What it leaves undone, however it ends, is done by them as if it had not been, and they say what is wrong.
    It ends with this process, or with the block: use it as a context manager.
    """

    def __init__(self, module: str, *words: str) -> None:
        self.words = words
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Ray's workers meet the same error, and say it in one line
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other
            text=True,
        )

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, wanted: Mapping[str, Any]) -> HeadStart:
        """Tells the process what is wanted, and returns it."""
        with contextlib.suppress(BrokenPipeError):  # it could not even begin
            print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return self

    def end(self) -> None:
        """Ends the process; what it has made is kept, by the shard or the program."""
        self._process.kill()
        self._process.communicate()

    def is_working(self) -> bool:
        """Returns whether the process has not ended yet."""
        return self._process.poll() is None
