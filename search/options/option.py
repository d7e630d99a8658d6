"""Options as fields of frozen values: the text that a user types, its rule, its default and its help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from data_prep.errors import InputError
from data_prep.storage.remote import shown


def show_option(value: Any) -> str:
    """Returns a value as it is typed: 512,256 for several, an address for the copy of what has one."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return shown(value) if isinstance(value, Path) else str(value)


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of the command line: `parse` makes a value of its text, `show` the text of a value.

    `name` is what a user types, empty where it is the field's; `default_text` what the help calls the default
    where that is not the value itself; `offers` are words that the shell completes, beside `choices`. What
    `is_list` may be typed several times, and its rule reads all of them together.
    """

    help: str
    parse: Callable[[str], Any] = str
    show: Callable[[Any], str] = show_option
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    name: str = ""
    default_text: str | None = None
    offers: tuple[str, ...] = ()
    is_switch: bool = False
    is_list: bool = False

    def checked(self, value: Any) -> Any:
        """Returns `value` as the option keeps it; text is read, other values pass through their text.

        Raises InputError where the option's rule is broken: typed or given in Python, the rule is the same.
        """
        if self.is_switch:
            if not isinstance(value, bool):  # the text "no" would count as true
                raise InputError(f"must be true or false, received {value!r}")
            return value
        if self.is_list:  # its rule knows texts and lists
            return self.parse(value)
        read = self.parse(value if isinstance(value, str) else self.show(value))
        if self.choices and read not in self.choices:
            raise InputError(f"must be one of {', '.join(self.choices)}, received {value!r}")
        return read


def option(default: Any, help: str, **traits: Any) -> Any:
    """Returns a field of an OptionGroup; `traits` are those of Option. A default of None means not given."""
    known = Option(help=help, is_switch=traits.pop("is_switch", isinstance(default, bool)), **traits)
    return field(default=default, metadata={"option": known})


class OptionGroup:
    """Base of the frozen groups of options; every value is checked when a group is made."""

    title: ClassVar[str] = ""

    @property
    def given(self) -> dict[str, Any]:
        """The values that are not None, by their fields."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if value is not None}

    def __post_init__(self) -> None:
        for item, known in options_in(type(self)):
            value = getattr(self, item.name)
            if value is None and item.default is None:  # not given: no rule is for that
                continue
            try:
                object.__setattr__(self, item.name, known.checked(value))  # groups are frozen
            except InputError as error:  # the rule does not know of which option it is
                raise InputError(f"--{name_of(item)}: {error}") from None


def options_in(group: type[OptionGroup]) -> Iterator[tuple[Field[Any], Option]]:
    """Yields the fields of a group that are options, each with its Option."""
    for item in fields(group):  # type: ignore[arg-type]  # every group is a dataclass
        if "option" in item.metadata:
            yield item, item.metadata["option"]


def name_of(item: Field[Any]) -> str:
    """Returns the word that a user types for a field, without the dashes in front: "batch-size"."""
    known: Mapping[str, Any] = item.metadata
    return str(known["option"].name or item.name.replace("_", "-"))
