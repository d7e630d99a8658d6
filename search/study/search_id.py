"""The identity of a search: what callbacks hear of, `live.json` stores, and people read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SearchKind(StrEnum):
    """Purpose for which trials are trained: a stage, a joint search, or what comes after them."""

    STAGE = "stage"
    JOINT = "joint"
    HELD_OUT = "held-out data"
    APART = "groups apart"  # the winner once more, to tell what groups on both sides are worth
    PRETRAINING = "pretraining"
    FINETUNE = "finetune"
    WEIGHTS = "weights"  # of a trial that the ledger has, and that is trained again to keep them


@dataclass(frozen=True)
class SearchId:
    """A search of a study; as text "stage lr", "joint tpe", "held-out data".

    `name` is that of a stage, or how a joint search chooses its configurations, and empty for other kinds.
    """

    kind: SearchKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()

    @classmethod
    def parse(cls, text: str) -> SearchId:
        """Returns the search whose text is `text`; raises ValueError where it is that of none."""
        for kind in SearchKind:  # not split at the space: "held-out data" has one itself
            if text == kind or text.startswith(f"{kind} "):
                return cls(kind, text.removeprefix(kind).lstrip())
        raise ValueError(f"a search is of a kind ({', '.join(SearchKind)}), received {text!r}")

    @property
    def stage(self) -> str:
        """The stage as in results and in names of folders: "lr", "joint", "held-out-data"."""
        return self.name if self.kind is SearchKind.STAGE else self.kind.replace(" ", "-")
