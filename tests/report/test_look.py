from __future__ import annotations

import pytest

from drydock.report import look
from tests.conftest import MakeProject
from tests.support.answers import answering

FILES = {"main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"}


def test_an_application_that_takes_one_host_is_shown_with_it(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(lambda: b"{}", host="shop.example.org") as running:
        look.show(running, make_project(FILES), {"ready": "in 0.1 s"}, ("/docs",))
        shown = capsys.readouterr().out

    assert f"{running.url}/docs" in shown
    assert f"curl -s -H 'Host: shop.example.org' {running.url}/" in shown


def test_any_host_needs_no_header(make_project: MakeProject, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(lambda: b"{}") as running:
        look.show(running, make_project(FILES), {}, ())

    assert "Host" not in capsys.readouterr().out
