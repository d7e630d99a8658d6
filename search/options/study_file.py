"""Study files: the options of a search as TOML, read for a command and written from one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

from data_prep.command_line.parser import did_you_mean
from data_prep.errors import InputError, reason_of
from data_prep.storage.regular_files import read_text
from search.options.option import Option, OptionGroup, options_in
from search.options.search_groups import HeldValues, JointOptions
from search.options.search_options import GROUPS, STAGED, SearchOptions, keyword_of
from search.space.stages import ALL, EVERY_STAGE
from search.space.values import Values, named_values, read_values, show_values, texts_of
from search.study.stage_results import JOINT
from trainables.hyperparameters import BY_WORD, HYPERPARAMETERS, WIDTHS, Range

ENDING = ".toml"
_Chosen = tuple[Field[Any], Option, Any]
_TABLES = ("stages", "held", "joint")
_HELD, _JOINT = ({keyword_of(item) for item, _ in options_in(group)} for group in (HeldValues, JointOptions))
_GROUPS: Sequence[type[OptionGroup]] = (SearchOptions, *GROUPS.values())
_KNOWN = {keyword_of(item) for group in _GROUPS for item, _ in options_in(group)}
# what a file says in its tables, or what is of one run only
_NOT_AT_THE_TOP = {*_HELD, *_JOINT, "values", "order", "preset", "split"}
_OF_A_RUN = {"dry_run", "print_study_file", "json", "quiet", "verbose", "join"}


def wishes_of(path: Path, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that the study file at `path` means, and over them those that are `typed`.

    What the file says of stages is left out of a joint search, and of the joint search out of stages. Raises
    InputError for a file that cannot be read, and for an option that does not exist.
    """
    tables = _read(path)
    stages, held, joint = (dict(tables.pop(name, {})) for name in _TABLES)
    # who types a stage asks for no joint search
    mode = typed.get("mode") or (STAGED if "stage" in typed else tables.get("mode", STAGED))
    wishes = {**tables, **held, **(joint if mode == JOINT else {}), **typed, "mode": mode}
    if mode == JOINT:
        wishes = {name: value for name, value in wishes.items() if name not in ("stage", "sweeps")}
        wished = wishes.get("vary", tuple(stages))
        tried = wished.split(",") if isinstance(wished, str) else list(wished)
    else:
        stage = wishes.setdefault("stage", ALL)
        if stages:
            wishes.setdefault("order", tuple(stages))
        tried = [stage] if stage in EVERY_STAGE else list(stages)
        if stage in EVERY_STAGE and BY_WORD[stage].keyword not in typed:  # what it tries is not held
            wishes.pop(BY_WORD[stage].keyword, None)
    own = {
        word: given for word, given in stages.items() if word in tried and BY_WORD[word].keyword not in wishes
    }
    values = {word: read_values(word, given) for word, given in own.items()}
    values |= named_values(texts_of(typed.get("values", ())), wishes.get("stage"))
    return {**wishes, "values": texts_of(values)}


def study_file(options: SearchOptions, split: str) -> str:
    """Returns the study file that means `options`, which know their data; `split` is the protocol of it."""
    return "\n".join(_lines(options, split)) + "\n"


def _lines(options: SearchOptions, split: str) -> Iterator[str]:
    yield "# python -m search.run THIS-FILE; any option behind it overrides what stands here"
    yield _line("preset", options.preset.name)
    yield _line("split", split)
    if options.is_joint:
        yield _line("mode", JOINT)
    chosen = list(options.chosen())
    for keyword, value in _plainly(chosen).items():
        if keyword not in _NOT_AT_THE_TOP | _OF_A_RUN | {"mode"}:
            yield _line(keyword, value)
    yield from _table("stages", {word: _listed(word, values) for word, values in _tried(options).items()})
    yield from _table("held", _among(_HELD, chosen))
    yield from _table("joint", _joint(options, _among(_JOINT, chosen)))


def _plainly(chosen: Iterable[_Chosen]) -> dict[str, object]:
    """Returns options by keyword as TOML has them: numbers, truth values, and texts as they are typed."""
    return {
        keyword_of(item): value if isinstance(value, bool | int | float) else known.show(value)
        for item, known, value in chosen
    }


def _among(keywords: set[str], chosen: Iterable[_Chosen]) -> dict[str, object]:
    return {word: value for word, value in _plainly(chosen).items() if word in keywords}


def _joint(options: SearchOptions, values: Mapping[str, object]) -> dict[str, object]:
    if not options.is_joint:
        return {}
    # ranges stand in [stages] by now
    plain = {word: value for word, value in values.items() if word not in ("vary", "ranges")}
    varied = [word for word in options.varied if BY_WORD[word].keyword not in options.held_keywords]
    return {**plain, "vary": varied}


def _tried(options: SearchOptions) -> dict[str, Values]:
    """Returns the values of all stages that are not held, and of what a joint search varies."""
    space = options.space_to_try() if options.is_joint else {}
    varied = {HYPERPARAMETERS[name].word: values for name, values in space.items()}
    usual = {word: options.values.get(word, EVERY_STAGE[word].values) for word in options.order}
    tried = {**usual, **varied}
    return {
        word: values for word, values in tried.items() if BY_WORD[word].keyword not in options.held_keywords
    }


def _listed(word: str, values: Values) -> object:
    if isinstance(values, Range):
        return show_values(values)
    return [show_values((value,)) if BY_WORD[word].kind is WIDTHS else value for value in values]


def _table(name: str, values: Mapping[str, object]) -> Iterator[str]:
    if values:
        yield from ("", f"[{name}]", *(_line(word, value) for word, value in values.items()))


def _line(word: str, value: object) -> str:
    return f"{word} = {json.dumps(value)}"  # of such values JSON is TOML


def _read(path: Path) -> dict[str, Any]:
    if path.suffix != ENDING:
        near = did_you_mean(path.name, EVERY_STAGE)
        raise InputError(
            f"a study file ends in {ENDING}, received {str(path)!r}{near and near + ' (--stage)'}"
        )
    try:
        values = tomllib.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise InputError(f"the study file {path} cannot be read ({reason_of(error)}); correct it") from None
    plain = {word.replace("-", "_"): value for word, value in values.items()}
    _require_known(path, plain, _KNOWN | set(_TABLES), "")
    for name, known in zip(_TABLES, (set(BY_WORD), _HELD, _JOINT), strict=True):
        table = plain.get(name, {})
        if not isinstance(table, dict):
            raise InputError(f"{name} in {path} must be a table [{name}], received {table!r}")
        if name != "stages":
            table = plain[name] = {word.replace("-", "_"): value for word, value in table.items()}
        _require_known(path, table, known, name)
    return plain


def _require_known(path: Path, values: Mapping[str, Any], known: set[str], table: str) -> None:
    for word in values:
        if word not in known:
            where = f"[{table}] of {path}" if table else str(path)
            raise InputError(f"there is no option {word} in {where}{did_you_mean(word, sorted(known))}")
