"""Lines on what is wrong with the data, at the start of a search: from the manifest alone, at once."""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.audit.auditing import brief_audit
from search.options.command_line import audit_command
from search.options.search_options import SearchOptions
from search.study.setup import Problem

MOST_LINES = 5


def audit_lines(problem: Problem, options: SearchOptions) -> Iterator[str]:
    """Yields a line for each thing that should be looked at before a search, and how to see it."""
    sentences = brief_audit(problem.manifest, problem.splits).short()
    for number, sentence in enumerate(sentences[:MOST_LINES]):
        yield f"{'' if number else 'audit':<10}{sentence}"
    if sentences:
        yield f"{'':<10}{audit_command(options)} shows the images"
