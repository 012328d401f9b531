from __future__ import annotations

from dataclasses import replace

from drydock.gates.gate import registry
from drydock.project import MB, Budget
from drydock.report.page.gather import allowances, gates, timings
from drydock.verdict import Verdict
from tests.state.history.samples import ORIGIN, judged, weighed

WEIGHED = {"production": weighed()}


def test_head_room_is_what_the_budget_leaves() -> None:
    disk, wire = allowances({"production": Budget(125 * MB, 30 * MB)}, WEIGHED)

    assert (disk.figure, disk.left) == ("on disk", 8 * MB)
    assert (wire.figure, wire.left) == ("on the wire", -9 * MB)


def test_a_size_without_a_budget_is_told_too() -> None:
    disk, wire = allowances({"production": Budget(125 * MB)}, WEIGHED)

    assert disk.limit == 125 * MB
    assert (wire.size, wire.limit) == (39 * MB, None)


def test_every_gate_is_told_for_each_of_its_targets() -> None:
    found = [(gate.name, gate.target) for gate in gates([], {})]

    assert found == [(gate.name, target) for gate in registry().values() for target in gate.facts.targets]
    assert all(gate.verdict is None for gate in gates([], {}))


def test_a_verdict_counts_for_the_content_that_it_saw() -> None:
    seen, other = judged(1.0), replace(judged(2.0), origin=replace(ORIGIN, target="slim"))

    found = {gate.target: gate for gate in gates([seen, other], WEIGHED) if gate.name == "smoke"}

    assert found["production"].current
    assert found["production"].at == 1.0
    assert found["slim"].verdict is not None
    assert not found["slim"].current


def test_the_newest_timings_are_taken() -> None:
    def timed(at: float, seconds: float) -> Verdict:
        rows = [{"build": "cold", "seconds": seconds, "ratio": 1.0, "cached": 0, "steps": 12}]
        return replace(judged(at).verdict, gate="build_cache", measurements={"builds": rows})

    found = [replace(judged(at), verdict=timed(at, seconds)) for at, seconds in ((1.0, 30.0), (2.0, 20.0))]

    assert [row["seconds"] for row in timings(found)] == [20.0]
    assert timings([judged(1.0)]) == ()
