from __future__ import annotations

import pytest

from drydock import spelling

TEXT = "fix it, see `drydock gate smoke,security`, then `drydock push --registry x`; `docker login` first"


@pytest.mark.parametrize(
    ("started", "run", "gates", "push"),
    [
        ("/home/ann/.local/bin/drydock", "", "drydock gate smoke,security", "drydock push --registry x"),
        (
            "/venv/bin/fastapi-drydock",
            "",
            "fastapi-drydock gate smoke,security",
            "fastapi-drydock push --registry x",
        ),
        ("/venv/bin/invoke", "", "nox -s smoke security", "invoke push --registry x"),
        ("/venv/site-packages/invoke/__main__.py", "", "nox -s smoke security", "invoke push --registry x"),
        ("/venv/bin/nox", "", "nox -s smoke security", "invoke push --registry x"),
        ("/venv/bin/nox", "./run", "./run nox -s smoke security", "./run invoke push --registry x"),
        (
            "/venv/bin/drydock",
            "../run",
            "../run drydock gate smoke,security",
            "../run drydock push --registry x",
        ),
        (
            "/venv/site-packages/drydock/hook/__main__.py",
            "",
            "drydock gate smoke,security",
            "drydock push --registry x",
        ),
        ("", "", "drydock gate smoke,security", "drydock push --registry x"),
    ],
)
def test_commands_are_named_as_the_process_was_started(started: str, run: str, gates: str, push: str) -> None:
    said = spelling.spelled(TEXT, started, {spelling.RUN: run} if run else {})

    assert said == f"fix it, see `{gates}`, then `{push}`; `docker login` first"


def test_options_of_a_gate_stand_behind_two_dashes_for_nox() -> None:
    text = "`drydock gate smoke --project ../shop`"

    assert spelling.spelled(text, "nox", {}) == "`nox -s smoke -- --project ../shop`"


@pytest.mark.parametrize("text", ["the package `drydock.hook`", "`drydock-dockerd.log`", "drydock build"])
def test_nothing_but_a_command_is_changed(text: str) -> None:
    assert spelling.spelled(text, "invoke", {}) == text


def test_one_is_singular() -> None:
    assert [spelling.counted(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
