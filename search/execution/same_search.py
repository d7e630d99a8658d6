"""Sameness of two runs of a study: who joins another's has to ask for the same search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import shown
from search.options.command_line import options_of
from search.options.run_groups import CallbackOptions, MachineOptions, StudyOptions
from search.options.search_groups import DataOptions
from search.options.search_options import SearchOptions
from search.study.folder import read_command


def require_same_search(options: SearchOptions, folder: Path) -> None:
    """Raises InputError where the run that was joined asks for another search than `options`."""
    theirs = options_of(read_command(folder))
    ours, others = _words_of_search(options), theirs and _words_of_search(theirs)
    if ours != others:
        raise InputError(
            f"the study {shown(folder)} is being run with other options: {shlex.join(others or ())} there, "
            f"{shlex.join(ours)} here; give the same, and --join"
        )


def _words_of_search(options: SearchOptions) -> Sequence[str]:
    """Returns what decides which trials there are, but for the data, whose facts are compared.

    Each machine has places, devices and trackers of its own.
    """
    final = replace(options.final_model, celeba=None, celeba_root=None)
    alike = replace(options, data=DataOptions(), final_model=final, study=StudyOptions())
    words = replace(alike, callbacks=CallbackOptions(), machine=MachineOptions()).words()
    return [*words, *(["--celeba"] if options.final_model.celeba else [])]
