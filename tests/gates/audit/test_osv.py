"""The vulnerability database: a service on a real socket, and an export in a folder; both fail closed."""

from __future__ import annotations

import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drydock.gates.audit import osv
from drydock.gates.expectations.findings import CouldNotAskError, Severity

NOW = datetime(2026, 11, 21, tzinfo=UTC)
JINJA: dict[str, Any] = {
    "id": "GHSA-462w-v97r-4m45",
    "modified": "2026-11-20T00:00:00Z",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
        }
    ],
}


@contextmanager
def service(answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[str]:
    """Serve answers of the OSV protocol on a real socket, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(question)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "PAUSE_SECONDS", 0)


def test_service_answers_with_all_pages() -> None:
    def answer(question: dict[str, Any]) -> tuple[int, bytes]:
        if question.get("page_token") == "second":
            return 200, b'{"vulns": [{"id": "B"}]}'
        return 200, b'{"vulns": [{"id": "A"}], "next_page_token": "second"}'

    with service(answer) as address:
        assert [record["id"] for record in osv.Service(address).ask("x", "1")] == ["A", "B"]


def test_service_that_never_ends_its_pages_is_a_fault() -> None:
    with (
        service(lambda _: (200, b'{"next_page_token": "again"}')) as address,
        pytest.raises(CouldNotAskError, match="more than 50 pages for x 1"),
    ):
        osv.Service(address).ask("x", "1")


def test_service_that_recovers_is_asked_again() -> None:
    answers = iter([(503, b""), (429, b""), (200, b"{}")])
    with service(lambda _: next(answers)) as address:
        assert osv.Service(address).ask("x", "1") == []


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (500, b"", "could not be asked: status 500"),
        (404, b"", "could not be asked: status 404"),
        (200, b"<html>", "answered with something other than OSV records: b'<html>'"),
        (200, b"[]", "answered with something other than OSV records"),
        (200, b'{"vulns": [1]}', "answered with something other than OSV records"),
        (200, b'{"vulns": {}}', "answered with something other than OSV records"),
    ],
)
def test_service_that_gives_no_answer_is_a_fault(status: int, body: bytes, fault: str) -> None:
    with service(lambda _: (status, body)) as address, pytest.raises(CouldNotAskError, match=fault):
        osv.Service(address).ask("x", "1")


def test_refused_request_is_not_repeated() -> None:
    asked = []
    with (
        service(lambda question: (asked.append(question), (400, b""))[1]) as address,  # type: ignore[func-returns-value]
        pytest.raises(CouldNotAskError),
    ):
        osv.Service(address).ask("x", "1")
    assert len(asked) == 1


def test_silent_service_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(CouldNotAskError, match="timed out"):
            osv.Service(address).ask("x", "1")


def test_absent_service_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(CouldNotAskError, match="refused"):
        osv.Service(f"http://127.0.0.1:{port}/v1").ask("x", "1")


def export(folder: Path, *records: dict[str, Any]) -> Path:
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def test_export_answers_from_a_folder_and_from_a_zip_file(tmp_path: Path) -> None:
    folder = export(tmp_path, JINJA)
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("GHSA.json", json.dumps(JINJA))
    for path in (folder, packed):
        database = osv.Export(path, 7, NOW)
        assert [record["id"] for record in database.ask("Jinja2", "2.10")] == [JINJA["id"]]
        assert list(database.ask("jinja2", "2.10.1")) == []
        assert list(database.ask("fastapi", "1.0")) == []


def test_export_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(CouldNotAskError, match="is not there"):
        osv.Export(tmp_path / "none", 7, NOW)


def test_empty_export_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(CouldNotAskError, match="has no record of a PyPI package"):
        osv.Export(tmp_path, 7, NOW)


def test_export_of_another_ecosystem_is_a_fault(tmp_path: Path) -> None:
    other = {**JINJA, "affected": [{"package": {"name": "jinja2", "ecosystem": "npm"}}]}
    with pytest.raises(CouldNotAskError, match="has no record of a PyPI package"):
        osv.Export(export(tmp_path, other), 7, NOW)


def test_old_export_is_a_fault(tmp_path: Path) -> None:
    old = {**JINJA, "modified": "2026-11-01T00:00:00Z"}
    with pytest.raises(CouldNotAskError, match="is 20 days old, more than 7"):
        osv.Export(export(tmp_path, old), 7, NOW)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.json", b"{", "a.json is not JSON"),
        ("a.json", b"[]", "a.json is not an OSV record"),
        ("all.zip", b"PK", "cannot be read"),
    ],
)
def test_damaged_export_is_a_fault(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(content)
    path = tmp_path / name if name.endswith(".zip") else tmp_path
    with pytest.raises(CouldNotAskError, match=fault):
        osv.Export(path, 7, NOW)


def test_export_without_a_date_is_a_fault(tmp_path: Path) -> None:
    undated = {key: value for key, value in JINJA.items() if key != "modified"}
    with pytest.raises(CouldNotAskError, match="does not say when it was made"):
        osv.Export(export(tmp_path, undated), 7, NOW)


def record(affected: dict[str, Any], **more: Any) -> dict[str, Any]:
    package = {"name": "Zope.Thing", "ecosystem": "PyPI"}
    return {"id": "X", "affected": [{"package": package, **affected}], **more}


def ranged(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("affected", "version", "hit"),
    [
        (ranged({"introduced": "0"}), "0.0.1.dev1", True),
        (ranged({"introduced": "1"}, {"fixed": "2"}), "0.9", False),
        (ranged({"introduced": "1"}, {"fixed": "2"}), "2rc1", True),
        (ranged({"introduced": "1"}, {"fixed": "2"}), "2", False),
        (ranged({"fixed": "2"}, {"introduced": "1"}, {"introduced": "3"}), "3.1", True),
        (ranged({"introduced": "1"}, {"last_affected": "2"}), "2", True),
        (ranged({"introduced": "1"}, {"last_affected": "2"}), "2.0.1", False),
        ({"versions": ["1.0", "old-one"]}, "1.0.0", True),
        ({"versions": ["1.0", "old-one"]}, "1.1", False),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, "1", True),
    ],
)
def test_versions_are_compared_as_the_schema_says(affected: dict[str, Any], version: str, hit: bool) -> None:
    assert osv.affects(record(affected), "zope-thing", version) is hit


def test_withdrawn_record_is_about_nothing() -> None:
    withdrawn = record(ranged({"introduced": "0"}), withdrawn="2026-01-01T00:00:00Z")
    assert not osv.affects(withdrawn, "zope-thing", "1")


def test_version_that_cannot_be_compared_is_a_fault(tmp_path: Path) -> None:
    database = osv.Export(export(tmp_path, JINJA), 7, NOW)
    with pytest.raises(CouldNotAskError, match="cannot be asked about jinja2 two"):
        database.ask("jinja2", "two")


@pytest.mark.parametrize(
    ("vector", "rated"),
    [
        # FIRST's worked examples: CVE-2013-1937, CVE-2014-0160, CVE-2014-6271.
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Severity.MEDIUM),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Severity.HIGH),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Severity.CRITICAL),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", Severity.CRITICAL),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", Severity.LOW),
        # Some new records have version 4 only, old ones version 2.
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Severity.CRITICAL),
        ("CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N", Severity.LOW),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Severity.HIGH),
        ("CVSS:4.0/AV:N/AC:L", Severity.UNKNOWN),
        ("", Severity.UNKNOWN),
    ],
)
def test_vector_of_any_version_is_rated_as_the_standard_does(vector: str, rated: Severity) -> None:
    assert osv.severity_of_vector(vector) is rated


def test_worst_stated_severity_counts_and_none_is_unknown() -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    both = {"database_specific": {"severity": "LOW"}, "severity": [{"type": "CVSS_V3", "score": vector}]}
    assert osv.severity_of(both) is Severity.CRITICAL
    assert osv.severity_of({"database_specific": {"severity": "MODERATE"}}) is Severity.MEDIUM
    assert osv.severity_of({"severity": [{"type": "CVSS_V4", "score": "x"}]}) is Severity.UNKNOWN
    assert osv.severity_of({}) is Severity.UNKNOWN
