"""What the page was started with. Streamlit runs its file anew for each reader; this stays."""

from __future__ import annotations

from dataclasses import dataclass

from search.dashboard.source import Source


@dataclass(frozen=True)
class Settings:
    """The source that is shown, and the token that is demanded before anything of it is; None for none."""

    source: Source
    token: str | None


_given: list[Settings] = []


def configure(settings: Settings) -> None:
    """Makes `settings` those of all pages of this process."""
    _given[:] = [settings]


def current() -> Settings:
    """Returns what `configure` was given; raises RuntimeError where it was not called."""
    if not _given:
        raise RuntimeError("the page is started by python -m search.dashboard")
    return _given[0]
