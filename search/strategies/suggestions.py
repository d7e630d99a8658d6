"""Suggestions of a searcher: trained once, told again from the ledger, kept for a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_prep.storage.json_files import read_json, write_json
from search.study.formats import SUGGESTIONS
from search.study.ledger import Ledger
from trainables.objective import OBJECTIVE, Objective
from trainables.trial import Trial, TrialResult

# a search with a larger budget is the same search, and one that is told more at its beginning, too
MAY_CHANGE = ("num_samples", "time_budget_s", "start_from")

Find = Callable[[Trial], "TrialResult | None"]


class Suggestions:
    """At most `samples` configurations that a searcher asked for, and what came of them.

    They stand in the file `path`: a search with the same `settings` counts those that an earlier run asked
    for and finished. `find` gives a trial's result where it need not be trained.
    """

    def __init__(
        self,
        samples: int,
        settings: Mapping[str, Any],
        find: Find,
        ledger: Ledger,
        path: Path,
        objective: Objective = OBJECTIVE,
    ) -> None:
        self._samples, self._find, self._ledger, self._path = samples, find, ledger, path
        self._objective = objective
        self._settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
        # a dict keeps the order of asking, which a set would lose: TPE hears its past in it
        self._asked = {key: None for key in self._read() if ledger.find_key(key)}
        self.reused = self.results()
        self.known_before = list(self.reused.values())

    def full(self) -> bool:
        """Returns whether as many were asked for as may be."""
        return not self.missing()

    def missing(self) -> int:
        """Returns how many more may be asked for."""
        return max(0, self._samples - len(self._asked))

    def ask(self, trial: Trial) -> Trial | float | None:
        """Returns `trial` where it is to be trained, its value where known, None while it is in training."""
        known = self._find(trial)
        if known is None and trial.key in self._asked:
            return None
        if trial.key not in self._asked:
            self._asked[trial.key] = None
            said = {"settings": self._settings, "asked": list(self._asked)}
            write_json(self._path, {"format": SUGGESTIONS.number, **said})
        if known is None:
            return trial
        self.reused[trial.key] = known
        objective = self._objective
        return objective.of(known) if known.epochs else objective.worst  # failed at once: as bad as can be

    def results(self) -> dict[str, TrialResult]:
        """Returns by key what came of them, in the order asked."""
        found = ((key, self._ledger.find_key(key)) for key in self._asked)
        return {key: result for key, result in found if result}

    def _read(self) -> list[str]:
        try:
            kept = read_json(self._path, SUGGESTIONS)
            same = all(
                kept["settings"][name] == now
                for name, now in self._settings.items()
                if name not in MAY_CHANGE
            )
            return list(kept["asked"]) if same else []
        except (OSError, ValueError, KeyError, TypeError):  # a damaged file costs suggestions, no trial
            return []
