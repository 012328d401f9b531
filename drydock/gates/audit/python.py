"""Look up CPython and an image's distributions, these with pip-audit, and check that it asked about each."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from drydock import command, temporary
from drydock.gates.audit.osv import CPYTHON, Database, Record, severity_of
from drydock.gates.expectations import CouldNotAskError, Finding, Report, Severity
from drydock.image.components import Component

SOURCE = "Python distributions"
INTERPRETERS = "Python interpreters"
ALL_SECONDS = 600.0
ONE_SECONDS = 90
# 0: no vulnerability; 1: some. An error also exits with 1, but prints no report.
ANSWERED = (0, 1)


def audit(components: Sequence[Component], database: Database, client: Path) -> Report:
    """Ask a database about every distribution."""
    if not components:
        return Report(SOURCE, faults=("the image lists no Python distribution",))
    findings: list[Finding] = []
    faults: list[str] = []
    with serving(database) as relay:
        for batch in _batches(components):
            report, fault = _ask(client, relay, batch)
            if relay.fault or fault:
                return Report(SOURCE, faults=(relay.fault or fault,))
            faults += _unasked(batch, report, relay)
            findings += _findings(report, relay)
    return Report(SOURCE, len(components), tuple(findings), tuple(faults))


def interpreters(found: Sequence[Component], database: Database) -> Report:
    """Ask a database about each CPython but Debian's, which is patched and looked up as a package."""
    findings: dict[str, Finding] = {}
    faults: list[str] = []
    asked = [one for one in found if not one.by_debian]
    places = [place for place in CPYTHON if database.covers(place)]
    if asked and not places:
        return Report(INTERPRETERS, faults=(f"{database.name} has no record of CPython",))
    for one in asked:
        if not re.fullmatch(r"3\.\d+\.\d+\w*", one.version):
            faults.append(f"the image does not say which release its {one.label} is: it was not looked up")
            continue
        try:
            records = [
                record
                for place in places
                for record in database.ask(place.name, place.tag(one.version), place)
            ]
        except CouldNotAskError as error:
            return Report(INTERPRETERS, faults=(str(error),))
        for record in records:
            names = (str(record["id"]), *map(str, record.get("aliases") or ()))
            summary = (
                record.get("summary") or str(record.get("details", "")).partition("\n")[0] or "no summary"
            )
            rated = severity_of(record)
            text = (
                f"{one.label} is vulnerable ({rated.name.lower()}): {summary}; build on a newer patch release"
            )
            # Two ecosystems describe the same vulnerability under an alias.
            key = next((name for name in names if name.startswith("CVE-")), names[0])
            if key not in findings or rated < findings[key].severity:
                findings[key] = Finding(names[0], one.name, text, rated, aliases=names[1:])
    return Report(INTERPRETERS, len(asked), tuple(findings.values()), tuple(faults))


def _batches(components: Sequence[Component]) -> Iterator[list[Component]]:
    """Split components into batches without duplicate names: a requirements file allows one version."""
    left = list(components)
    while left:
        batch = {canonicalize_name(one.name): one for one in left}
        left = [one for one in left if one not in batch.values()]
        yield list(batch.values())


def _ask(client: Path, relay: Relay, batch: Sequence[Component]) -> tuple[Mapping[str, Any], str]:
    """Run pip-audit; return its report, or the reason for having none."""
    with temporary.folder("audit") as folder:
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(f"{one.name}=={one.version}\n" for one in batch), encoding="utf-8")
        args = [str(client), "--requirement", str(requirements), "--no-deps", "--disable-pip", "--strict"]
        args += ["--vulnerability-service", "osv", "--osv-url", relay.address, "--format", "json"]
        args += ["--aliases", "on", "--desc", "off", "--progress-spinner", "off"]
        args += ["--timeout", str(ONE_SECONDS), "--cache-dir", str(folder / "cache")]
        # No proxy may handle requests to this machine itself.
        done = command.run(
            args, check=False, timeout=ALL_SECONDS, env={"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        )
    if done.code not in ANSWERED:
        return {}, f"pip-audit exited with {done.code}: {done.last}"
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        return {}, f"pip-audit made no report: {done.last}"


def _unasked(batch: Sequence[Component], report: Mapping[str, Any], relay: Relay) -> Iterator[str]:
    """Yield each distribution that pip-audit skipped or did not ask about."""
    reported = {canonicalize_name(row["name"]): row for row in report.get("dependencies", [])}
    asked = {canonicalize_name(name) for name, _ in relay.answers}
    for one in batch:
        row = reported.get(canonicalize_name(one.name), {"skip_reason": "it is not in the report"})
        if reason := row.get("skip_reason"):
            yield f"pip-audit skipped {one.label}: {reason}"
        elif canonicalize_name(one.name) not in asked:
            yield f"the database was not asked about {one.label}"


def _findings(report: Mapping[str, Any], relay: Relay) -> Iterator[Finding]:
    """Yield each vulnerability, and each record of the database that pip-audit left out."""
    records = {(canonicalize_name(name), version): found for (name, version), found in relay.answers.items()}
    for row in report.get("dependencies", []):
        label = f"{row['name']} {row.get('version', '')}"
        answered = records.get((canonicalize_name(row["name"]), row.get("version", "")), ())
        seen: set[str] = set()
        for found in row.get("vulns", []):
            names = (found["id"], *found.get("aliases", ()))
            about = [record for record in answered if _names(record) & set(names)]
            seen |= {record["id"] for record in about}
            yield _finding(row["name"], label, names, about, found.get("fix_versions", ()))
        for record in answered:
            if record["id"] not in seen and not record.get("withdrawn"):
                yield _finding(row["name"], label, tuple(sorted(_names(record))), [record], ())


def _names(record: Record) -> set[str]:
    return {record["id"], *record.get("aliases", ())}


def _finding(
    name: str, label: str, names: tuple[str, ...], records: Sequence[Record], fixed: Sequence[str]
) -> Finding:
    rated = [severity_of(record) for record in records]
    # Several databases describe the same vulnerability; a missing rating must not hide a stated one.
    known = [one for one in rated if one is not Severity.UNKNOWN]
    worst = max(known, default=Severity.UNKNOWN)
    summary = next((record["summary"] for record in records if record.get("summary")), "no summary")
    fix = f"fixed in {', '.join(fixed)}" if fixed else "no fixed version is known"
    others = names[1:]
    return Finding(
        names[0],
        name,
        f"{label} is vulnerable ({worst.name.lower()}; {fix}): {summary}",
        worst,
        fixed[0] if fixed else "",
        tuple(others),
    )


@dataclass
class Relay:
    """A relay between pip-audit and a database, on the loopback interface.

    It records facts that pip-audit's report omits: severities, further pages, records that it did not
    understand, and packages that it never asked about.
    """

    database: Database
    answers: dict[tuple[str, str], Sequence[Record]] = field(default_factory=dict)  # by name and version
    fault: str = ""  # why the database could not be asked; empty while it could
    address: str = ""

    def answer(self, question: Any) -> dict[str, Any] | None:
        """Answer one question of the protocol; None when the database could not be asked."""
        if self.fault:
            return None  # the verdict is settled: no need to wait for every other package
        try:
            name, version = question["package"]["name"], question["version"]
            records = self.database.ask(name, version)
        except CouldNotAskError as error:
            self.fault = str(error)
            return None
        self.answers[(name, version)] = records
        return {"vulns": list(records)} if records else {}


@contextmanager
def serving(database: Database) -> Iterator[Relay]:
    """Serve a database to clients on this machine."""
    relay = Relay(database)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                found = relay.answer(json.loads(body))
            except (ValueError, KeyError, TypeError):
                self._send(HTTPStatus.BAD_REQUEST, {})
                return
            self._send(HTTPStatus.OK if found is not None else HTTPStatus.BAD_GATEWAY, found or {})

        def _send(self, status: HTTPStatus, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Print nothing: the relay records the questions."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    relay.address = f"http://127.0.0.1:{server.server_port}/v1/query"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
