"""Code of the user's own: what it declares is read without running it, and what is wrong is told."""

from pathlib import Path

import pytest

from data_prep.errors import InputError
from trainables.own_code import OwnCode

SOURCE = """
HYPERPARAMETERS = {
    "rank": {"values": [8, 32], "default": 8},
    "share": {"values": [0.1], "default": 0.1},
    "gate": {"values": ["sigmoid", "tanh"], "default": "tanh"},
    "wide": {"values": [True, False], "default": False},
}

raise RuntimeError("this is not run to be read")

def build(input_shape, classes, hyperparameters):
    pass
"""
CODE = OwnCode("my_heads.py", SOURCE)


def test_defaults_hold_for_what_is_not_said() -> None:
    assert CODE.values_of("build") == {"rank": 8, "share": 0.1, "gate": "tanh", "wide": False}


def test_values_are_read_as_the_default_is() -> None:
    said = CODE.values_of("build?rank=64&share=1&gate=relu&wide=true")
    assert said == {"rank": 64, "share": 1.0, "gate": "relu", "wide": True}
    assert isinstance(said["share"], float)


def test_one_configuration_has_one_text() -> None:
    assert CODE.canonical("build?gate=tanh&rank=32&share=0.10") == "build?rank=32"
    assert CODE.canonical("build?rank=8") == "build"


def test_choices_are_the_product_of_the_declared_values() -> None:
    choices = CODE.choices("build")
    assert choices[0] == "build"
    assert set(choices) == {
        *("build", "build?wide=true", "build?gate=sigmoid", "build?gate=sigmoid&wide=true"),
        *("build?rank=32", "build?rank=32&wide=true"),
        *("build?rank=32&gate=sigmoid", "build?rank=32&gate=sigmoid&wide=true"),
    }


def test_digest_is_that_of_the_text() -> None:
    assert CODE.digest == OwnCode("elsewhere.py", SOURCE).digest != OwnCode("my_heads.py", "").digest


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("bild", "my_heads.py has no function 'bild'; it has build"),
        ("build?ranks=8", "declares no hyperparameter ranks; it declares rank, share, gate, wide"),
        ("build?rank=many", "a value beside 8 is one of its kind, received 'many'"),
        ("build?rank=0.5", "a value beside 8 is one of its kind"),
        ("build?wide=1", "a value beside False is one of its kind"),
    ],
)
def test_wrong_name_or_value_is_told(function: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        CODE.values_of(function)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def build(", "my_heads.py is no Python"),
        ("HYPERPARAMETERS = {'rank': [8, 32]}", "HYPERPARAMETERS of my_heads.py is a literal such as"),
        ("HYPERPARAMETERS = {'rank': range(8)}", r"received \{'rank': range\(8\)\}"),
    ],
)
def test_wrong_file_is_told(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        OwnCode("my_heads.py", source)


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the file of networks .*none\.py cannot be read"):
        OwnCode.read(tmp_path / "none.py")
