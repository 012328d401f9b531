"""A server process that lives as long as a test needs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drydock import temporary

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0  # PostgreSQL writes all its pages before it ends, also on a busy disk


class ServerFailed(Exception):
    """A server died or never became ready; the message contains the end of its log."""


@dataclass
class Server:
    """A child process that can be started, stopped and started again.

    Args:
        name: For messages.
        log: Receives the output of all its starts.
        user: The account to run as; this process's own by default.
        environment: Additions to this process's variables.
        stop_signal: Asks it to end.
    """

    name: str
    command: Sequence[str]
    log: Path
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        """Start the server and wait until it is ready.

        Args:
            ready: An OSError means not yet.

        Raises:
            ServerFailed: It died, or was not ready in time.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                # An unprivileged user may lack access to this process's working directory.
                cwd="/",
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                start_new_session=True,
            )
        try:
            self._wait(ready, seconds)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _wait(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                code = self._process.returncode if self._process else None
                raise ServerFailed(f"{self.name} exited with {code}:\n{self.tail()}")
            with contextlib.suppress(OSError):
                if ready():
                    return
            time.sleep(POLL_SECONDS)
        raise ServerFailed(f"{self.name} was not ready after {seconds:g} s:\n{self.tail()}")

    def stop(self, number: signal.Signals | None = None) -> None:
        """End the server if it runs, by force after a time limit."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number or self.stop_signal)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def send_to_all(self, number: signal.Signals) -> None:
        """Signal the server and its child processes, which may have their own sessions."""
        if self._process is None:
            return
        os.kill(self._process.pid, number)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self._process.pid:
                    os.kill(int(entry.name), number)

    def tail(self, lines: int = 30) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def folder(name: str, owner: str | None = None) -> Iterator[Path]:
    """Create a temporary folder, owned by an account if given, and remove it with its content."""
    with temporary.folder(name) as path:
        if owner:
            entry = pwd.getpwnam(owner)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        yield path


def unprivileged(account: str) -> str | None:
    """Return the account for a server that refuses to run as root, or None if this process is not root."""
    return account if os.geteuid() == 0 else None


def free_port(addresses: Sequence[str] = ("127.0.0.1",)) -> int:
    """Return a TCP port that is free on all given addresses of this machine.

    Connections and containers take theirs from 32768 on, and might get this one before it is used.
    """
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = random.randrange(20_000, 30_000)  # noqa: S311 - not a secret
            try:
                for address in addresses:
                    stack.enter_context(socket.socket()).bind((address, port))
            except OSError:
                continue
            return port
    raise ServerFailed(f"no port is free on all of {', '.join(addresses)}")


def accepts(address: str, port: int) -> bool:
    """Tell whether an address and port accept connections."""
    with socket.create_connection((address, port), timeout=1):
        return True
