"""Progress of work on many images, as a bar on a terminal; elsewhere nothing is shown."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data_prep.command_line.console import text_console


def counted_progress(words: str) -> Progress:
    """Returns a bar on standard error for one task, called `words`, which goes away at its end."""
    console = text_console(stderr=True)
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
