"""Who follows a run: what --wandb auto finds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.options.run_groups import CallbackOptions
from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.trackers import from_options
from search.trackers.from_options import callbacks_of, has_key, require_wandb, wandb_mode
from search.trackers.tensorboard.writer import TensorBoard


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without any account."""
    return {"HOME": str(tmp_path)}


def test_key_in_the_environment_is_found(home: dict[str, str]) -> None:
    assert not has_key(home)
    assert has_key({**home, "WANDB_API_KEY": "secret"})


@pytest.mark.parametrize(
    ("machine", "server", "found"),
    [
        ("api.wandb.ai", {}, True),
        ("github.com", {}, False),
        ("wandb.lab:8080", {"WANDB_BASE_URL": "https://wandb.lab:8080"}, True),
        ("api.wandb.ai", {"WANDB_BASE_URL": "https://wandb.lab:8080"}, False),
    ],
)
def test_key_in_netrc_is_of_the_server(
    home: dict[str, str], tmp_path: Path, machine: str, server: dict[str, str], found: bool
) -> None:
    (tmp_path / ".netrc").write_text(f"machine {machine}\n login user\n password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_key({**home, **server}) is found


@pytest.mark.parametrize(
    ("text", "found"), [("[default]\napi_key = x\n", True), ("[default]\n", False), ("x", False)]
)
def test_key_in_the_settings_is_found(home: dict[str, str], tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / ".config" / "wandb").mkdir(parents=True)
    (tmp_path / ".config" / "wandb" / "settings").write_text(text)
    assert has_key(home) is found


@pytest.mark.parametrize(
    ("asked", "environ", "mode", "said"),
    [
        ("disabled", {"WANDB_API_KEY": "x"}, None, ""),
        ("offline", {}, "offline", ""),
        ("online", {}, "online", ""),
        ("auto", {"WANDB_API_KEY": "x"}, "online", ""),
        ("auto", {"WANDB_MODE": "offline"}, "offline", ""),
        ("auto", {"WANDB_API_KEY": "x", "WANDB_MODE": "dryrun"}, "offline", ""),
        ("auto", {"WANDB_API_KEY": "x", "WANDB_MODE": "run"}, "online", ""),
        ("auto", {"WANDB_API_KEY": "x", "WANDB_MODE": "disabled"}, None, "off: WANDB_MODE is disabled"),
        ("auto", {}, None, "off: no key is configured (wandb login, or --wandb offline)"),
    ],
)
def test_mode(
    home: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    environ: dict[str, str],
    mode: str | None,
    said: str,
) -> None:
    monkeypatch.setattr(from_options, "_is_installed", lambda: True)
    assert wandb_mode(asked, {**home, **environ}) == (mode, said)


def test_auto_without_the_package_is_off(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_options, "_is_installed", lambda: False)
    assert wandb_mode("auto", home) == (None, "off: the package wandb is not installed")


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_wandb_without_the_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(from_options, "_is_installed", lambda: False)
    with pytest.raises(
        InputError, match=rf"--wandb {mode} needs the package wandb, .*'\.\[wandb\]' in the checkout"
    ):
        require_wandb(CallbackOptions(wandb=mode))


def test_online_without_a_key_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_options, "_is_installed", lambda: True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(InputError, match=r"--wandb online needs a key .* or use --wandb offline"):
        require_wandb(CallbackOptions(wandb="online"))


@pytest.mark.parametrize(("tensorboard", "count"), [(True, 1), (False, 0)])
def test_tensorboard_can_be_left_out(tmp_path: Path, tensorboard: bool, count: int) -> None:
    options = CallbackOptions(wandb="disabled", tensorboard=tensorboard)
    callbacks = list(callbacks_of(options, Ledger(tmp_path), print))
    assert [type(callback) for callback in callbacks] == [TensorBoard] * count


def test_verbose_names_versions_and_files(tmp_path: Path) -> None:
    said: list[str] = []
    options = CallbackOptions(wandb="disabled", tensorboard=False, verbose=True)
    (verbose,) = callbacks_of(options, Ledger(tmp_path), said.append)
    assert said[0].startswith("versions  Python 3.")
    assert ", ray 2." in said[0]
    verbose.search_began(SearchId.parse("stage lr"), 4)
    assert said[1:] == ["stage lr: 4 trials to train"]
