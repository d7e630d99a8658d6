"""Code of the user's own that builds networks: its text, what it declares, and what it builds.

A file is read, and its code run, only where a user names it; what it declares is read without running it.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from data_prep.errors import InputError, reason_of
from data_prep.storage.regular_files import read_text

if TYPE_CHECKING:
    import keras

DECLARATION = "HYPERPARAMETERS"  # the name in a file: {"rank": {"values": [8, 32], "default": 8}}
DIGEST_LENGTH = 12


@dataclass(frozen=True)
class OwnCode:
    """A file of Python with functions `(input_shape, classes, hyperparameters) -> keras.Model`.

    A configuration names one of them, and the values that are not the default: `build?rank=32`. Raises
    InputError where the text is no Python, or declares its hyperparameters in another form.
    """

    name: str
    source: str

    def __post_init__(self) -> None:
        _ = self.declared

    @classmethod
    def read(cls, path: Path) -> OwnCode:
        """Returns the code in the file at `path`."""
        try:
            return cls(path.name, read_text(path))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"the file of networks {path} cannot be read ({reason_of(error)}); name another"
            ) from None

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of the text's sha256."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:DIGEST_LENGTH]

    @cached_property
    def declared(self) -> Mapping[str, tuple[Any, tuple[Any, ...]]]:
        """The default and the values of each hyperparameter by its name."""
        for node in self._tree.body:
            if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [DECLARATION]:
                return self._read_declaration(node.value)
        return {}

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions in the file."""
        return tuple(node.name for node in self._tree.body if isinstance(node, ast.FunctionDef))

    def choices(self, function: str) -> tuple[str, ...]:
        """Returns the texts that the declared values make, that of the defaults first."""
        self.values_of(function)
        name = function.partition("?")[0]
        products = itertools.product(*(values for _, values in self.declared.values()))
        texts = [self._text(name, dict(zip(self.declared, product, strict=True))) for product in products]
        return tuple(dict.fromkeys((name, *texts)))

    def canonical(self, function: str) -> str:
        """Returns `function` without the values that are the default, in the order of the file."""
        return self._text(function.partition("?")[0], self.values_of(function))

    def values_of(self, function: str) -> dict[str, Any]:
        """Returns the values of all hyperparameters; raises InputError for what the file does not have."""
        name, _, query = function.partition("?")
        if name not in self.functions:
            raise InputError(
                f"{self.name} has no function {name!r}; it has {', '.join(self.functions) or 'none'}"
            )
        values = {word: default for word, (default, _) in self.declared.items()}
        for word, text in parse_qsl(query, keep_blank_values=True):
            if word not in self.declared:
                known = ", ".join(self.declared) or "none"
                raise InputError(f"{self.name} declares no hyperparameter {word}; it declares {known}")
            default, listed = self.declared[word]
            # by its text first: a listed value may be of another kind than the default
            found = [value for value in (default, *listed) if _shown(value) == text]
            values[word] = found[0] if found else _literal(text, like=default)
        return values

    def build(self, function: str, input_shape: tuple[int, ...], classes: int) -> keras.Model:
        """Runs the code and returns what its function builds, from inputs of that shape to probabilities.

        Raises InputError where it fails, or gives something else.
        """
        import keras

        values = self.values_of(function)
        name, wanted = function.partition("?")[0], 1 if classes == 2 else classes
        # not __main__: what the file does as a script is not done
        namespace: dict[str, Any] = {"__name__": Path(self.name).stem}
        try:
            exec(compile(self.source, self.name, "exec"), namespace)  # the user named this file to be run
            model = namespace[name](input_shape, classes, values)
        except Exception as error:  # it is the user's code, which may raise anything
            raise InputError(
                f"{name} of {self.name} failed on {input_shape}, {classes} classes, {values}: "
                f"{type(error).__name__}: {error}"
            ) from error
        given = getattr(model, "output_shape", type(model).__name__)
        if not isinstance(model, keras.Model) or given != (None, wanted):
            raise InputError(
                f"{name} of {self.name} must return a keras.Model with outputs (None, {wanted}), the "
                f"probabilities of {'the second class' if wanted == 1 else 'each class'}, received {given}"
            )
        return model

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self.source)
        except SyntaxError as error:
            raise InputError(f"{self.name} is no Python ({error}); correct it") from None

    def _read_declaration(self, node: ast.expr) -> dict[str, tuple[Any, tuple[Any, ...]]]:
        try:
            given = ast.literal_eval(node)
            return {
                str(word): (facts["default"], tuple(facts["values"])) for word, facts in dict(given).items()
            }
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f'{DECLARATION} of {self.name} is a literal such as {{"rank": {{"values": [8, 32], '
                f'"default": 8}}}}, received {ast.unparse(node)}'
            ) from None

    def _text(self, name: str, values: Mapping[str, Any]) -> str:
        chosen = {word: value for word, value in values.items() if value != self.declared[word][0]}
        query = urlencode([(word, _shown(value)) for word, value in chosen.items()])
        return f"{name}?{query}" if query else name


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _literal(text: str, *, like: Any) -> Any:
    """Returns what `text` means beside the default `like`; raises InputError for another kind."""
    if isinstance(like, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    kinds = (int, float) if isinstance(like, float) else type(like)
    if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(like, bool):
        raise InputError(f"a value beside {like!r} is one of its kind, received {text!r}")
    return type(like)(value)  # 1 for a default of 1.0 is 1.0: one value, one text, one trial
