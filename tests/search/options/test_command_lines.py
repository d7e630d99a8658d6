"""Command lines that nobody would type: each is options, which mean themselves, or wrong usage in a sentence.

MUTATIONS=20000 SEED=19 in the environment tries that many others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.options.option import name_of, options_in
from search.options.parser import read_options
from search.options.search_options import GROUPS, SearchOptions
from search.space.stages import STAGES

COUNT = int(os.environ.get("MUTATIONS", "300"))
SEED = int(os.environ.get("SEED", "18"))
_OPTIONS = [pair for group in (SearchOptions, *GROUPS.values()) for pair in options_in(group)]
_NUMBERS = "- -- -0.0 0 -1 1 2 nan inf -inf 1e400 1e-400 ² 1_0 0x10 1, ,1 1,,2 1/2/3 1e999/2 10m 1d 0s 1e9h"
_WORDS = "none None True auto all all:2 blocks:0 blocks:-1 kfold:0 kfold:5 kfold:99999999 {} [1] %s = ü 名"
_VALUES = "lr= lr=0.1,nan lr=1e-4..1e-1:log lr=1..0 lr=0.1..0.1:log:0 lr=1:2:3:4"
_PLACES = (
    "../.. / /dev/zero CON a/b s3:// s3:///x gs://b/%00 file:///etc ray://x keras: keras:os hub: hub:../x"
)
_FILES = "a.py:f a.py: :f a.py:f?x a.py:f?x=1&y"
_UNSEEN = ("", " ", "\0", "\n", "\x1b[31m", "9" * 40, "a" * 5000)
_HOSTILE = (*" ".join((_NUMBERS, _WORDS, _VALUES, _PLACES, _FILES)).split(), *_UNSEEN)


def draw_command(rng: random.Random) -> list[str]:
    """Returns a command line of a few options, most of them with values that they have, some without."""
    words = [["--mode", "joint"], ["--stage", rng.choice([*STAGES, "all", "finetune"])], []][rng.randrange(3)]
    for item, known in rng.sample(_OPTIONS, rng.randrange(6)):
        name = f"--{name_of(item)}"
        if rng.random() < 0.05:
            name = name[: rng.randrange(2, len(name) + 1)]
        sane = [str(each) for each in known.choices or ()] or [_default(item.default)]
        value = rng.choice(sane) if rng.random() < 0.4 else rng.choice(_HOSTILE)
        words += [name] if known.is_switch and rng.random() < 0.9 else [name, value]
    if rng.random() < 0.1:
        words.insert(rng.randrange(len(words) + 1), rng.choice(_HOSTILE))
    return words


def _default(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else "1"


def reading_of(words: Sequence[str]) -> SearchOptions | None:
    """Returns the options of a command line, None for wrong usage that is told in a sentence."""
    try:
        return read_options(words)
    except InputError:
        return None


def test_command_line_is_options_that_mean_themselves_or_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng, accepted = random.Random(SEED), 0
    for _ in range(COUNT):
        words = draw_command(rng)
        options = reading_of(words)
        if options is not None:
            accepted += 1
            assert read_options(options.words()) == options, words
    assert 0 < accepted < COUNT
    assert list(tmp_path.iterdir()) == []
