"""Formats of a study's files: the number that each carries, risen where its content changes."""

from __future__ import annotations

STUDY_FORMAT = 1  # of study.json
STAGE_FORMAT = 1  # of stages/<stage>.json
FINETUNE_FORMAT = 1  # of finetune.json
LIVE_FORMAT = 1  # of live.json
MODEL_FORMAT = 1  # of winner/model.json


def require_format(found: object, known: int) -> None:
    """Raises ValueError where the format `found` in a file is not the one `known` to this version."""
    if found != known:
        raise ValueError(f"its format is {found}, this version reads {known}")
