"""Verdicts as a JUnit file, which CI services show as tests."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from drydock.verdict import Outcome, Verdict

# Logs hold escapes that colour a terminal, and XML cannot hold other control characters.
_NOT_XML = re.compile("\x1b\\[[0-9;]*m|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(rows: Sequence[tuple[Verdict, str]]) -> str:
    """Return one test suite with a test for each verdict and its target."""
    outcomes = [verdict.outcome for verdict, _ in rows]
    counts = {
        "tests": str(len(rows)),
        "failures": str(outcomes.count(Outcome.FAILED)),
        "errors": str(outcomes.count(Outcome.COULD_NOT_CHECK)),
        "time": f"{sum(verdict.seconds for verdict, _ in rows):.3f}",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "drydock", **counts, "skipped": "0"})
    for verdict, target in rows:
        test = {"classname": f"drydock.{target}", "name": verdict.gate, "time": f"{verdict.seconds:.3f}"}
        case = ET.SubElement(suite, "testcase", test)
        if not verdict.passed:
            kind = "failure" if verdict.outcome is Outcome.FAILED else "error"
            fault = {"message": _plain(verdict.summary), "type": verdict.outcome.value}
            text = "\n".join(filter(None, (*verdict.details, verdict.evidence)))
            ET.SubElement(case, kind, fault).text = _plain(text)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _plain(text: str) -> str:
    return _NOT_XML.sub("", text)
