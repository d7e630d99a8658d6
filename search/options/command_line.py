"""Commands to copy: options become the words of `search.run`, wherever a command is offered."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace
from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.remote import shown
from search.options.parser import read_options
from search.options.run_groups import ImageOptions
from search.options.search_groups import HeldValues
from search.options.search_options import SearchOptions
from search.space.stages import HASSNER
from search.study.facts import StudyFacts
from search.study.folder import Command
from trainables.trial import TrialConfig

MANIFEST, WEIGHTS = "MANIFEST", "WEIGHTS"  # for what nobody knows any more
_OF_FACTS = ("split", "weights", "keras_backend", "feature_precision", "resize")


def command_of(options: SearchOptions, cwd: str = "") -> str:
    """Returns the command that asks for `options`, as it is to be typed here.

    Their paths are relative to the folder `cwd`; empty means the one that this process stands in.
    """
    command = shlex.join(["python", "-m", "search.run", *options.words()])
    if not cwd or Path(cwd) == Path.cwd():
        return command
    return f"cd {shlex.quote(cwd)} && {command}"


def audit_command(options: SearchOptions) -> str:
    """Returns the command that audits the data of `options`, as they read it, and writes a page."""
    data, usual = options.data, SearchOptions().study.cache
    cache = None if options.study.cache == usual else options.study.cache
    words = ["python", "-m", "search.audit", shown(data.manifest) if data.manifest else MANIFEST]
    asked = {"--root": data.root, "--split": data.split, "--weights": data.weights, "--cache": cache}
    for name, value in asked.items():
        if value:
            words += [name, shown(value) if isinstance(value, Path) else value]
    return shlex.join([*words, "--html", "audit.html"])


def options_of(command: Command | None) -> SearchOptions | None:
    """Returns the options of a study's last run; None where there was none, or its words mean nothing now."""
    if command is None:
        return None
    try:  # the words are of any version; only its own parser tells whether they still mean something
        return read_options(command.argv)
    except InputError:
        return None


def options_of_study(name: str, storage: str, facts: StudyFacts, last: SearchOptions | None) -> SearchOptions:
    """Returns the options that mean a study below `storage`: those of its `last` run, else what `facts` tell.

    Where the data is not known, and is not the built-in sample, a word in capitals stands in its place, as
    for a file of weights, of which only the hash is kept.
    """
    if last is not None:
        return last
    values = {name: fact for name in _OF_FACTS if (fact := getattr(facts, name))}
    usual = SearchOptions().for_data(facts.source).split_of(has_groups=facts.subjects > 0)
    if facts.split == usual:
        del values["split"]
    if facts.weights.startswith("file:"):
        values["weights"] = WEIGHTS
    if not facts.is_drawn:  # the sample is the default, which needs no word
        values["data"] = MANIFEST
    return SearchOptions.of(study=name, storage=storage, **values)


def holding(options: SearchOptions, config: TrialConfig, *, but: str = "") -> SearchOptions:
    """Returns `options` that hold the values of `config`, all but the hyperparameter `but`."""
    values = {name: value for name, value in config.to_dict().items() if name != but}
    # a configuration does not spell the report's statistics, which are not the default of all data
    values = {"bn_statistics": options.held.bn_statistics, **values}
    held = HeldValues(**{item.name: values.get(item.name) for item in fields(HeldValues)})
    images = {item.name: values.get(item.name) for item in fields(ImageOptions)}
    return replace(
        options, held=held, images=ImageOptions(**images) if held.backbone == HASSNER else ImageOptions()
    )
