"""Who may look at the page, and what the one who starts it is told."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.dashboard.__main__ import main
from search.dashboard.access import VARIABLE, Token, how_to_reach, is_token, token_for
from search.dashboard.server import server_options
from tests.waiting import free_port

TOKEN = "a token of many characters"


def test_token_for_this_machine_is_none_unless_given() -> None:
    assert token_for("127.0.0.1", None) is None
    assert token_for("127.0.0.1", TOKEN) == Token(TOKEN, "of --token")


def test_token_for_others_is_made_and_each_time_another() -> None:
    first, second = token_for("0.0.0.0", None), token_for("0.0.0.0", None)
    assert first
    assert len(first.text) >= 32
    assert first != second
    assert first.to_tell == first.text


def test_token_that_is_kept_elsewhere_is_read_and_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv(VARIABLE, f"{TOKEN}, the other")
    kept, variable = token_for("0.0.0.0", None, file), token_for("0.0.0.0", None)
    assert kept
    assert variable
    assert (kept.text, kept.to_tell) == (TOKEN, f"the one in {file}")
    assert (variable.text, variable.to_tell) == (f"{TOKEN}, the other", f"the one in {VARIABLE}")
    assert TOKEN not in "\n".join(how_to_reach("0.0.0.0", 8501, kept))


def test_token_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    for given, file in (("secret", None), (None, tmp_path / "token")):
        with pytest.raises(InputError, match="a token has at least 16 characters, received 6"):
            token_for("0.0.0.0", given, file)


def test_two_tokens_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two tokens for one page"):
        token_for("0.0.0.0", TOKEN, tmp_path / "token")
    with pytest.raises(InputError, match=r"--token-file .*token cannot be read: No such file"):
        token_for("0.0.0.0", None, tmp_path / "token")


@pytest.mark.parametrize(
    ("entered", "is_it"),
    [(TOKEN, True), (f" {TOKEN}\n", True), ("", False), (TOKEN[:-1], False), ("é", False)],
)
def test_is_token(entered: str, is_it: bool) -> None:
    assert is_token(entered, TOKEN) is is_it


def test_how_to_reach_tells_of_tunnels_and_the_token() -> None:
    local, open_to_all = (
        "\n".join(how_to_reach(host, 8501, token))
        for host, token in (("127.0.0.1", None), ("0.0.0.0", Token(TOKEN)))
    )
    for text in (local, open_to_all):
        assert "ssh -L 8501:localhost:8501" in text
        assert "ray attach -p 8501 cluster.yaml" in text
    assert "token" not in local
    assert TOKEN in open_to_all


def test_server_options_send_nothing_and_take_no_foreign_names() -> None:
    options = server_options("127.0.0.1", 8501)
    assert options["server.address"] == "127.0.0.1"
    assert options["server.allowedHosts"] == ["localhost", "127.0.0.1", "::1"]
    assert not options["browser.gatherUsageStats"]
    assert not options["server.enableAgentApi"]
    assert not options["server.enableStaticServing"]


def test_main_with_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert f"127.0.0.1 port {port} cannot be used (Address already in use); give another --port" in (
        capsys.readouterr().err
    )


def test_main_without_streamlit_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['streamlit'] = None; from search.dashboard.__main__ import main; "
        f"sys.exit(main(['--port', '{free_port()}']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    told = "the dashboard needs streamlit, which is not installed; install it with pip install"
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "none"], "must be a whole number from 1 to 65535, received 'none'"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_main_with_wrong_usage(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 2
    assert said in capsys.readouterr().err


def test_main_with_a_short_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "0.0.0.0", "--token", "short"]) == 1
    assert "error: a token has at least 16 characters" in capsys.readouterr().err
