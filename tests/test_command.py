from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from drydock import command
from drydock.errors import CommandMissing


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_run_returns_both_streams() -> None:
    done = command.run(python("import sys; print('out'); print('err', file=sys.stderr)"))

    assert (done.code, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_failure_raises_with_the_last_line() -> None:
    with pytest.raises(command.CommandFailed, match="exited with 3: why"):
        command.run(python("import sys; print('why', file=sys.stderr); sys.exit(3)"))


def test_missing_program_is_one_clear_line() -> None:
    with pytest.raises(CommandMissing, match="the program no-such-program is not installed"):
        command.run(["no-such-program"])


def test_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os,time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {child!r}])"

    done = command.run(python(parent), check=False, timeout=2)

    assert done.code == 124
    assert not Path(f"/proc/{pid_file.read_text()}").exists()


def test_stream_hands_over_output_while_the_command_runs() -> None:
    seen: list[tuple[float, str]] = []
    code = "import os,time; os.write(1, b'a'); time.sleep(0.5); os.write(1, b'b')"

    command.stream(python(code), lambda chunk: seen.append((time.monotonic(), chunk)))

    assert [chunk for _, chunk in seen] == ["a", "b"]
    assert seen[1][0] - seen[0][0] > 0.3


def test_stream_of_stderr_is_not_stalled_by_a_full_stdout() -> None:
    code = "import sys; sys.stdout.write('x' * 1_000_000); sys.stderr.write('end')"

    done = command.stream(python(code), lambda _: None, source="stderr")

    assert (len(done.stdout), done.stderr) == (1_000_000, "end")


def test_bytes_cut_inside_a_character_are_joined() -> None:
    code = "import os,time; os.write(1, b'\\xc3'); time.sleep(0.2); os.write(1, b'\\xa9')"

    assert command.stream(python(code), lambda _: None).stdout == "é"


def test_interrupt_ends_the_child(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    note = f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))"
    code = f"import os,time; {note}; print('up', flush=True); time.sleep(60)"

    def interrupt(_: str) -> None:
        threading.Timer(0, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        command.stream(python(code), interrupt)

    assert not Path(f"/proc/{pid_file.read_text()}").exists()


def test_an_interrupt_ends_the_commands_of_other_threads_and_starts_no_further(tmp_path: Path) -> None:
    def work(number: int) -> command.Completed:
        note = f"open({str(tmp_path)!r} + '/{number}', 'w').write(str(os.getpid()))"
        command.run(python(f"import os,time; {note}; time.sleep(60)"), check=False)
        return command.run(python("import os; " + note.replace(f"/{number}", f"/{number} next")))

    began = time.monotonic()
    ended: list[Future[command.Completed]] = []

    def interrupted() -> None:
        with command.beside(2) as pool:
            ended.extend(pool.submit(work, number) for number in range(5))
            while len([path for path in tmp_path.iterdir() if path.read_text()]) < 2:
                assert time.monotonic() - began < 30
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert time.monotonic() - began < 30
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["0", "1"]
    assert not any(Path(f"/proc/{path.read_text()}").exists() for path in tmp_path.iterdir())
    assert [one.cancelled() for one in ended] == [False, False, True, True, True]
    assert all(isinstance(one.exception(), KeyboardInterrupt) for one in ended[:2])


def test_a_command_that_starts_while_the_others_are_ended_is_ended_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()

    class Slow(subprocess.Popen[str]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.set()
            time.sleep(0.5)

    monkeypatch.setattr(subprocess, "Popen", Slow)
    began = time.monotonic()
    ended: list[Future[command.Completed]] = []

    def interrupted() -> None:
        with command.beside(1) as pool:
            ended.append(pool.submit(command.run, python("import time; time.sleep(60)")))
            started.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert time.monotonic() - began < 30
    assert isinstance(ended[0].exception(), KeyboardInterrupt)
