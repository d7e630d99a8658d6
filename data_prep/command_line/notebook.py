"""Notebooks: whether this process speaks in one, and a bar there that is drawn anew in its place."""

from __future__ import annotations

import logging
import sys
import warnings
from html import escape
from typing import Any

from rich.console import Console

from data_prep.command_line.console import text_console


def in_notebook() -> bool:
    """Returns whether standard error is shown by a notebook; not where it is redirected."""
    return type(sys.stderr).__module__.partition(".")[0] == "ipykernel"


class Bar:
    """A bar with a line of text; `place` is what IPython.display.display gives, made where there is none.

    It needs nothing but IPython, which every notebook has: rich and tqdm ask for ipywidgets, and warn
    where they are missing.
    """

    def __init__(self, place: Any = None) -> None:
        self._place = place

    def draw(self, done: float, total: int, text: str) -> None:
        """Shows how much is done, and `text` beside it."""
        from IPython.display import HTML, display  # is there where a notebook is

        bar = f'<progress value="{done:.2f}" max="{total}"></progress>'
        drawn = HTML(f"<div>{bar} {escape(text)}</div>")
        if self._place is None:
            self._place = display(drawn, display_id=True)
        else:
            self._place.update(drawn)


def progress_console(*, verbose: bool) -> Console:
    """Returns the console of progress, on standard error; in a notebook, which has bars, it says nothing.

    With `verbose` it speaks there, too.
    """
    console = text_console(stderr=True)
    if in_notebook():
        console.quiet = not verbose
        # what Ray imports there asks for ipywidgets, which nothing of ours needs
        warnings.filterwarnings("ignore", message="IProgress not found")
        logging.getLogger("ray.widgets.util").setLevel(logging.ERROR)
    return console
