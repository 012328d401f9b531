"""VEX documents of accepted vulnerabilities."""

from __future__ import annotations

import json
from typing import Any

from drydock.publish import vex
from drydock.publish.reference import parse

DIGEST = "ab" * 32
TARGET = parse(f"ghcr.io/acme/todo@sha256:{DIGEST}")
JINJA = "pkg:pypi/jinja2@2.10"
BILL = json.dumps(
    {
        "components": [
            {"name": "Jinja2", "purl": JINJA},
            {"name": "/usr/bin/tool"},
            {"name": "other", "purl": "x"},
        ]
    }
).encode()
FOUND = {
    "check": "GHSA-462w-v97r-4m45",
    "aliases": ["PYSEC-2019-217", "CVE-2019-10906"],
    "subject": "jinja2",
    "reason": "templates are ours",
    "until": "2027-01-31",
    "justification": "",
}
NOT_REACHED = "vulnerable_code_not_in_execute_path"


def document(*accepted: dict[str, Any]) -> Any:
    return json.loads(vex.document(accepted, TARGET, BILL, "Ann", 1_700_000_000.5))


def test_a_reason_alone_says_that_the_image_is_affected() -> None:
    whole = document(FOUND)

    assert whole["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert (whole["author"], whole["timestamp"], whole["version"]) == ("Ann", "2023-11-14T22:13:20Z", 1)
    (statement,) = whole["statements"]
    assert statement["status"] == "affected"
    assert statement["action_statement"] == "accepted until 2027-01-31: templates are ours"
    assert statement["vulnerability"] == {
        "name": "CVE-2019-10906",
        "aliases": ["GHSA-462w-v97r-4m45", "PYSEC-2019-217"],
    }


def test_the_product_is_the_image_on_its_registry_and_the_part_is_in_its_bill() -> None:
    ((product,),) = [one["products"] for one in document(FOUND)["statements"]]

    assert product["@id"] == f"pkg:oci/todo@sha256%3A{DIGEST}?repository_url=ghcr.io/acme/todo"
    assert product["hashes"] == {"sha-256": DIGEST}
    assert product["subcomponents"] == [{"@id": JINJA}]


def test_a_justification_says_that_the_image_is_not_affected() -> None:
    (statement,) = document(FOUND | {"justification": NOT_REACHED})["statements"]

    assert (statement["status"], statement["justification"]) == ("not_affected", NOT_REACHED)
    assert statement["impact_statement"] == "templates are ours"
    assert "action_statement" not in statement


def test_what_several_scanners_found_is_stated_once() -> None:
    same = FOUND | {"check": "CVE-2019-10906", "aliases": ["GHSA-462w-v97r-4m45", "PYSEC-2019-217"]}

    assert len(document(FOUND, same)["statements"]) == 1


def test_a_part_that_no_bill_lists_leaves_the_image_as_the_product() -> None:
    (statement,) = document(FOUND | {"subject": "unknown"})["statements"]

    assert "subcomponents" not in statement["products"][0]


def test_without_an_accepted_vulnerability_there_is_no_document() -> None:
    assert vex.document([], TARGET, BILL, "Ann", 0.0) == b""


def test_the_same_findings_give_the_same_bytes() -> None:
    first, again = (vex.document([FOUND], TARGET, BILL, "Ann", 0.0) for _ in range(2))
    other = vex.document([FOUND | {"reason": "another"}], TARGET, BILL, "Ann", 0.0)

    assert first == again
    assert json.loads(first)["@id"] != json.loads(other)["@id"]
