"""Colours of the figures: told apart by people who see few, readable on white and on dark grey."""

from __future__ import annotations

COLOURS = ("#3b82c4", "#e07b1a", "#2c9e6b", "#d1495b", "#8e6bbf", "#9c755f", "#d67ab1", "#7f8c8d")
DASHES = (("solid", "-"), ("dash", "--"), ("dashdot", "-."), ("dot", ":"))  # plotly's name, matplotlib's
SCALE = ((0.0, "#5b6fb5"), (0.5, "#3fa796"), (1.0, "#f2a93b"))  # low to high, of similar lightness


def translucent(colour: str, alpha: float = 0.18) -> str:
    """Returns the colour `#rrggbb` as CSS with that opacity."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
