"""Databases of known vulnerabilities in the OSV schema: a service, and an export.

Schema and evaluation of versions follow https://ossf.github.io/osv-schema/, 1.x.
"""

import json
import ssl
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from drydock.gates.expectations.findings import CouldNotAskError, Severity, fresh

Record = Mapping[str, Any]
ANSWER_SECONDS = 20.0
TRIES, PAUSE_SECONDS = 3, 0.5
# More than any package has; a service that always names a next page must not cause an endless loop.
MOST_PAGES = 50
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class Ecosystem:
    ecosystem: str  # its name in the schema
    name: str = ""  # its only package of interest; empty for any
    prefix: str = ""  # text before a version in its tags

    def tag(self, version: str) -> str:
        """Return this ecosystem's tag for a version."""
        return f"{self.prefix}{version}"

    def key(self, name: str) -> str:
        """Return the key of a package's records."""
        return f"{self.ecosystem}:{self.name or canonicalize_name(name)}"

    def concerns(self, affected: Mapping[str, Any], name: str) -> bool:
        """Tell whether an `affected` entry is about a package of this ecosystem."""
        package = affected.get("package") or {}
        if str(package.get("ecosystem", "")).split(":")[0] == self.ecosystem and "name" in package:
            known = package["name"]
            return self.name in ("", _repository(known)) and self.key(known) == self.key(name)
        repositories = (_repository(str(one.get("repo", ""))) for one in affected.get("ranges") or ())
        return self.ecosystem == "GIT" and self.name in repositories


def _repository(address: str) -> str:
    return address.removeprefix("https://").removesuffix(".git")


PYPI = Ecosystem("PyPI")
CPYTHON = (Ecosystem("GIT", "github.com/python/cpython", "v"), Ecosystem("Bitnami", "python"))


class Service:
    """A service with the OSV protocol."""

    def __init__(self, address: str, ca_bundle: Path | None = None) -> None:
        import httpx2

        self.name = address.rstrip("/")
        trust = ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else None)
        self._client = httpx2.Client(timeout=ANSWER_SECONDS, verify=trust, follow_redirects=True)

    def covers(self, kind: Ecosystem) -> bool:  # noqa: ARG002 - an export's may not
        """Return True: OSV's own service holds all."""
        return True

    def ask(self, name: str, version: str, kind: Ecosystem = PYPI) -> Sequence[Record]:
        """Return the records that affect a release, from every page of the answer."""
        package = {"name": name, "ecosystem": kind.ecosystem}
        question: dict[str, Any] = {"package": package, "version": version}
        found: list[Record] = []
        for _ in range(MOST_PAGES):
            answer = self._post(question)
            found += answer.get("vulns", [])
            token = answer.get("next_page_token")
            if not token:
                return found
            question["page_token"] = token
        raise CouldNotAskError(f"{self.name} gave more than {MOST_PAGES} pages for {name} {version}")

    def _post(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        import httpx2

        why = ""
        for attempt in range(TRIES):
            time.sleep(PAUSE_SECONDS if attempt else 0)
            try:
                answer = self._client.post(f"{self.name}/query", json=question)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                why = str(error) or type(error).__name__
                continue
            if answer.is_success:
                return _content(answer.content, self.name)
            why = f"status {answer.status_code}"
            if not answer.is_server_error and answer.status_code != TOO_MANY_REQUESTS:
                break
        raise CouldNotAskError(f"{self.name} could not be asked: {why}")


def _content(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(data)
        records = content.get("vulns", [])
        if isinstance(records, list) and all(map(_is_record, records)):
            return dict(content)
    except (ValueError, AttributeError):
        pass  # not JSON, or not an object
    raise CouldNotAskError(f"{name} answered with something other than OSV records: {data[:80]!r}")


def _is_record(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str)


class Export:
    """An exported database: a folder or zip file with one JSON file per record."""

    def __init__(self, path: Path, oldest: int, now: datetime) -> None:
        self.name = str(path)
        self._by_name: dict[str, list[Record]] = defaultdict(list)
        newest = ""
        for where, data in _documents(path):
            try:
                record = json.loads(data)
            except ValueError as error:
                raise CouldNotAskError(f"{where} is not JSON: {error}") from error
            if not _is_record(record):
                raise CouldNotAskError(f"{where} is not an OSV record")
            newest = max(newest, str(record.get("modified", "")))
            for name in _subjects(record):
                self._by_name[name].append(record)
        if not self._by_name:
            raise CouldNotAskError(f"{path} has no record of a PyPI package")
        try:
            self.updated = fresh(path, newest, oldest, now)
        except ValueError as error:
            raise CouldNotAskError(f"{path} does not say when it was made") from error

    def covers(self, kind: Ecosystem) -> bool:
        """Tell whether it holds records of an ecosystem at all."""
        return not kind.name or kind.key("") in self._by_name

    def ask(self, name: str, version: str, kind: Ecosystem = PYPI) -> Sequence[Record]:
        try:
            return [one for one in self._by_name[kind.key(name)] if affects(one, name, version, kind)]
        except InvalidVersion as error:
            raise CouldNotAskError(f"{self.name} cannot be asked about {name} {version}: {error}") from error


Database = Service | Export


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                yield str(file), file.read_bytes()
        elif path.is_file():
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".json"):
                        yield f"{path} {name}", archive.read(name)
        else:
            raise CouldNotAskError(f"{path} is not there")
    except (OSError, zipfile.BadZipFile) as error:
        raise CouldNotAskError(f"{path} cannot be read: {error}") from error


def _subjects(record: Record) -> set[str]:
    """Return the keys of a record's packages: PyPI distributions and CPython."""
    found = set()
    for affected in record.get("affected") or []:
        name = str((affected.get("package") or {}).get("name", ""))
        found |= {kind.key(name) for kind in (PYPI, *CPYTHON) if kind.concerns(affected, name)}
    return found


def affects(record: Record, name: str, version: str, kind: Ecosystem = PYPI) -> bool:
    """Tell whether a record affects a release; a withdrawn record affects none."""
    if record.get("withdrawn"):
        return False
    wanted = Version(version)
    for affected in record.get("affected") or []:
        if not kind.concerns(affected, name):
            continue
        listed = affected.get("versions") or []
        ranges = _ranges(affected)
        # Commits alone decide nothing: better one finding too many.
        if not listed and not ranges:
            return True
        if version in listed or any(_same(wanted, one) for one in listed):
            return True
        if any(_within(wanted, one.get("events") or []) for one in ranges):
            return True
    return False


def fixes(record: Record, name: str) -> Iterator[Version]:
    """Yield the versions that fix a record's vulnerability in a package."""
    for affected in record.get("affected") or []:
        if any(kind.concerns(affected, name) for kind in (PYPI, *CPYTHON)):
            for one in _ranges(affected):
                yield from (Version(event["fixed"]) for event in one.get("events") or [] if "fixed" in event)


def _ranges(affected: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the ranges of versions; commits cannot be compared with a version."""
    return [one for one in affected.get("ranges") or [] if one.get("type") in ("ECOSYSTEM", "SEMVER")]


def _same(wanted: Version, text: str) -> bool:
    try:
        return Version(text) == wanted
    except InvalidVersion:
        return False  # an old release, from before versions had rules


def _within(wanted: Version, events: Sequence[Mapping[str, str]]) -> bool:
    """Evaluate a range: the last event at or below the version decides."""
    inside = False
    ordered = sorted(
        (Version("0.dev0") if text == "0" else Version(text), kind)
        for event in events
        for kind, text in event.items()
        if kind in ("introduced", "fixed", "last_affected")
    )
    for at, kind in ordered:
        if kind == "introduced" and at <= wanted:
            inside = True
        elif (kind == "fixed" and at <= wanted) or (kind == "last_affected" and at < wanted):
            inside = False
    return inside


# CVSS 3.1, section 5: the qualitative scale, which version 4 keeps.
_SCALE = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))


def names(record: Record) -> tuple[str, ...]:
    return (str(record["id"]), *map(str, record.get("aliases") or ()))


def worst(records: Sequence[Record]) -> Severity:
    """Return the severity of a vulnerability that several records describe."""
    rated = (severity_of(record) for record in records)
    # A missing rating must not hide a stated one.
    return max((each for each in rated if each is not Severity.UNKNOWN), default=Severity.UNKNOWN)


def severity_of(record: Record) -> Severity:
    """Return the worst severity that a record states; UNKNOWN without a readable one."""
    stated = [Severity.named(str((record.get("database_specific") or {}).get("severity", "")))]
    for place in (record, *(record.get("affected") or ())):
        stated += [severity_of_vector(str(item.get("score", ""))) for item in place.get("severity") or ()]
    known = [severity for severity in stated if severity is not Severity.UNKNOWN]
    return max(known, default=Severity.UNKNOWN)


def severity_of_vector(vector: str) -> Severity:
    """Return the severity of a CVSS vector, version 2, 3 or 4; UNKNOWN for one that cannot be read."""
    import cvss  # type: ignore[import-untyped]

    kind = {"CVSS:3": cvss.CVSS3, "CVSS:4": cvss.CVSS4}.get(vector[:6], cvss.CVSS2)
    try:
        score = float(kind(vector).base_score)
    except cvss.CVSSError:
        return Severity.UNKNOWN
    return next(severity for least, severity in _SCALE if score >= least)
