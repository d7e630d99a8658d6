"""Colours of the figures: told apart by people who see few, readable on white and on dark grey."""

from __future__ import annotations

COLOURS = ("#3b82c4", "#e07b1a", "#2c9e6b", "#d1495b", "#8e6bbf", "#9c755f", "#d67ab1", "#7f8c8d")
DASHES = ((1, 0), (7, 3), (7, 3, 2, 3), (2, 3))  # drawn and left out, in pixels
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross")
SCALE = ("#5b6fb5", "#3fa796", "#f2a93b")  # low to high, of similar lightness
GREY = "#888888"
