from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.verdict import Outcome, Verdict

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
verdicts = st.builds(
    Verdict,
    gate=st.text(),
    outcome=st.sampled_from(Outcome),
    summary=st.text(),
    details=st.lists(st.text()).map(tuple),
    evidence=st.text(),
    measurements=st.dictionaries(st.text(), json_values),
    seconds=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)


@given(verdicts)
def test_verdict_survives_json(verdict: Verdict) -> None:
    assert Verdict.from_json(json.loads(verdict.dumps())) == verdict


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.COULD_NOT_CHECK])
def test_only_passed_is_passed(outcome: Outcome) -> None:
    assert Verdict("smoke", Outcome.PASSED, "").passed
    assert not Verdict("smoke", outcome, "").passed


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"gate": "smoke", "outcome": "passed", "summary": ""},
        {"gate": "smoke", "outcome": "perhaps", "summary": "", "details": []},
        {"gate": "smoke", "outcome": "passed", "summary": "", "details": [], "mood": "good"},
    ],
)
def test_foreign_content_is_no_verdict(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no verdict|not a valid Outcome"):
        Verdict.from_json(content)
