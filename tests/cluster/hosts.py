"""Several machines on one: namespaces with an address, processes, /root, /tmp and an SSH server of their own.

Ray sees one machine only where processes are shared (`ray up` begins with `ray stop`, which ends every Ray it
sees), so each host has its own process numbers too. Root is needed; Debian: openssh-server iproute2 rsync.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.cluster.cluster_files import ROOT
from tests.waiting import wait_until

NETWORK = "10.77.0"
HEAD, OPERATOR = f"{NETWORK}.11", f"{NETWORK}.1"
SHARED = "/mnt/shared"
_HIDE = """
set -e
hostname {name}
mount -t tmpfs tmpfs /mnt
{keep}
mount --bind {root} /root
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd {shared}
{bring_back}
mount --bind {storage} {shared}
printf '127.0.0.1 localhost\\n{address} {name}\\n' > /run/hosts
mount --bind /run/hosts /etc/hosts
touch {root}/ready  # bash stays as the first process, because an SSH server does not clear up after others
{server} &
wait
"""
_SSHD = """
ListenAddress {address}
HostKey {folder}/hostkey
PidFile /run/sshd.pid
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
UsePAM no
StrictModes no
MaxSessions 50
MaxStartups 50
"""


def why_not() -> str | None:
    """Returns why this machine cannot pretend to be several, None where it can."""
    if os.geteuid() != 0:
        return "hosts made of namespaces need root"
    needed = {
        "/usr/sbin/sshd": "openssh-server",
        "ip": "iproute2",
        "rsync": "rsync",
        "nsenter": "util-linux",
        "pgrep": "procps",
    }
    missing = [package for program, package in needed.items() if not shutil.which(program)]
    if missing:
        return f"hosts made of namespaces need the packages {', '.join(missing)}"
    isolated = ("unshare", "--net", "--pid", "--fork", "--mount", "--uts")
    network = "ip link add br0 type bridge && ip link add v1 type veth peer name eth0"
    tried = subprocess.run(
        [*isolated, "sh", "-c", f"mount -t tmpfs tmpfs /mnt && {network}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"namespaces are not allowed here ({tried.stderr.strip()})" if tried.returncode else None


@dataclass
class Host:
    """A machine of the lab; `root` is its /root as seen from outside."""

    name: str
    address: str
    root: Path
    process: subprocess.Popen[bytes]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, line: str) -> list[str]:
        """Returns what runs `line` in a login shell on this host."""
        enter = ["nsenter", f"--target={self._inside()}", "--net", "--mount", "--uts", "--pid"]
        return [*enter, "env", "-i", "HOME=/root", "TERM=dumb", "bash", "--login", "-c", f"cd; {line}"]

    def run(self, line: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Returns how `line` ended, and what it printed."""
        return subprocess.run(
            self.command(line), capture_output=True, text=True, check=False, timeout=seconds
        )

    def start(self, line: str, log: Path) -> subprocess.Popen[bytes]:
        """Starts `line`, which prints into `log`."""
        with log.open("wb") as file:
            started = subprocess.Popen(self.command(line), stdout=file, stderr=subprocess.STDOUT)
        self.started.append(started)
        return started

    def kill_processes(self, *words: str) -> None:
        """Ends with SIGKILL the processes of this host whose command has one of the words in it."""
        pattern = shlex.quote(
            "|".join(f"[{word[0]}]{word[1:]}" for word in words)
        )  # not the shell that says it
        self.run(f"pkill -9 -f {pattern}")
        wait_until(lambda: not self.run(f"pgrep -f {pattern}").stdout, f"{words} have ended on {self.name}")

    def _inside(self) -> int:
        """Returns the first process in the host's namespaces."""
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(child)


@dataclass
class Lab:
    """Hosts on one network, and an operator beside them who is no node."""

    folder: Path
    storage: Path
    prefix: str = field(default_factory=lambda: f"lab{os.getpid()}")
    hosts: list[Host] = field(default_factory=list)

    @property
    def operator(self) -> Host:
        """The machine on which `ray up` is called."""
        return self.hosts[0]

    @property
    def nodes(self) -> list[Host]:
        """The machines of the cluster, the head first."""
        return self.hosts[1:]

    @property
    def key(self) -> Path:
        """The private key with which the operator and the head come in."""
        return self.folder / "key"

    def up(self, nodes: int) -> None:
        """Starts the operator's machine and `nodes` others; returns when each takes connections."""
        for key in ("key", "hostkey"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key))
        self.storage.mkdir()
        _run("ip", "netns", "add", self._space(0))
        self._ip(0, "link", "set", "lo", "up")
        self._ip(0, "link", "add", "br0", "type", "bridge")
        self._ip(0, "addr", "add", f"{OPERATOR}/24", "dev", "br0")
        self._ip(0, "link", "set", "br0", "up")
        self.hosts.append(self._begin(0, "operator", OPERATOR))
        for number in range(1, nodes + 1):
            self._connect(number, f"{NETWORK}.1{number}")
            self.hosts.append(self._begin(number, f"host{number}", f"{NETWORK}.1{number}"))
        for host in self.hosts:
            wait_until(partial(self._is_ready, host), f"{host.name} is ready")

    def down(self) -> None:
        """Ends every process of every host, and removes the network."""
        for host in self.hosts:
            host.process.send_signal(signal.SIGKILL)
            for process in (host.process, *host.started):
                process.wait()
        for number in range(len(self.hosts)):
            subprocess.run(["ip", "netns", "del", self._space(number)], check=False, capture_output=True)

    @contextmanager
    def without_link(self, number: int) -> Iterator[None]:
        """Cuts the network of node `number` (from 0) for the time being."""
        self._ip(0, "link", "set", f"v{number + 1}", "down")
        try:
            yield
        finally:
            self._ip(0, "link", "set", f"v{number + 1}", "up")

    def _is_ready(self, host: Host) -> bool:
        if host.process.poll() is not None:
            raise RuntimeError(f"{host.name} did not start: {self._log(host.name).read_text()}")
        return (host.root / "ready").exists()

    def _connect(self, number: int, address: str) -> None:
        space = self._space(number)
        _run("ip", "netns", "add", space)
        self._ip(number, "link", "set", "lo", "up")
        self._ip(0, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
        self._ip(0, "link", "set", f"v{number}", "master", "br0", "up")
        self._ip(number, "addr", "add", f"{address}/24", "dev", "eth0")
        self._ip(number, "link", "set", "eth0", "up")
        self._ip(number, "route", "add", "default", "via", OPERATOR)

    def _begin(self, number: int, name: str, address: str) -> Host:
        root = self.folder / f"root_{name}"
        root.mkdir()
        (root / "venv").symlink_to(sys.prefix)
        config = self.folder / f"sshd_{name}"
        config.write_text(_SSHD.format(address=address, folder=self.folder))
        kept = [str(self.folder), str(ROOT), sys.prefix, sys.base_prefix]
        script = _HIDE.format(
            name=name,
            address=address,
            root=root,
            storage=self.storage,
            shared=SHARED,
            keep="\n".join(
                f"mkdir -p /mnt/keep/{place}; mount --bind {path} /mnt/keep/{place}"
                for place, path in enumerate(kept)
            ),
            bring_back="\n".join(
                f"mkdir -p {path}; mount --bind /mnt/keep/{place} {path}" for place, path in enumerate(kept)
            ),
            server=f"/usr/sbin/sshd -D -e -f {config}",
        )
        isolated = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--mount-proc")
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._space(number), *isolated, "bash", "-c", script],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Host(name, address, root, process)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _space(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    def _ip(self, number: int, *arguments: str) -> None:
        _run("ip", "-n", self._space(number), *arguments)


def _run(*command: str) -> Sequence[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.splitlines()
