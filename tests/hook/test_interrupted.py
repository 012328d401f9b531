"""The hook that is interrupted ends in one line, and the push does not go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from drydock import hook
from drydock.cli.hook import main
from drydock.errors import Exit


@pytest.mark.usefixtures("python_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_ends_the_hook_is_one_line_and_its_exit_code(
    number: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def push(*_args: object, **_options: Any) -> Iterator[hook.Line]:
        os.kill(os.getpid(), number)
        yield from ()

    monkeypatch.setattr(hook, "push", push)

    assert main([]) == Exit.INTERRUPTED
    said = " ".join(capfd.readouterr().err.split())
    assert said.startswith("error: interrupted during the hook's gates; nothing was left behind")
    assert "Traceback" not in said
