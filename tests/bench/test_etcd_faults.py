"""Faults in a run's own etcd: when they are planted, what is told of them, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.child import ChildError
from bench.cli import main
from bench.commands.etcd_fault_lines import etcd_fault_lines
from bench.etcd_fault_effects import effects
from bench.etcd_fault_results import EtcdFault
from bench.etcd_faults import AWAY_S, KILL, STOP, EtcdFaults, Planted, fault_at
from bench.history.reader import DTYPE, History, ProcessHistory
from bench.load_results import Load, Stall
from bench.results import Results, Status
from bench.verdict.observations import Observations
from bench.verdict.registry import judge
from cluster.client.history_format import Kind
from reports.etcd_fault_model import EtcdFault as ReadFault
from reports.etcd_fault_section import etcd_fault_section
from storage.virtual_time import VirtualClock, run_virtual
from tests.real_etcd import require_etcd

S = 1_000_000_000


class FakeMembers:
    """Three members; another one leads a second after the leader is gone."""

    def __init__(self, clock: VirtualClock, *, broken: bool = False) -> None:
        self._clock = clock
        self._lead = "etcd-1"
        self._next: tuple[int, str] | None = None
        self._broken = broken
        self.deeds: list[tuple[str, float]] = []

    def _did(self, what: str) -> None:
        self.deeds.append((what, round(self._clock.stamp_ns() / S, 1)))

    def _depose(self) -> None:
        other = "etcd-2" if self._lead == "etcd-1" else "etcd-1"
        self._lead, self._next = "", (self._clock.stamp_ns() + S, other)

    async def leader(self) -> str:
        if self._next and self._clock.stamp_ns() >= self._next[0]:
            self._lead, self._next = self._next[1], None
        return self._lead

    async def kill(self, name: str) -> None:
        self._did(f"kill {name}")
        self._depose()

    async def restart(self, name: str) -> None:
        self._did(f"restart {name}")
        if self._broken:
            raise ChildError("etcd-1 ended\nits log")

    def pause(self, name: str) -> None:
        self._did(f"pause {name}")
        self._depose()

    def resume(self, name: str) -> None:
        self._did(f"resume {name}")

    async def healthy(self) -> None:
        self._did("healthy")


def plant(kinds: Sequence[str], *, broken: bool = False) -> tuple[FakeMembers, list[Planted]]:
    """Plant while a fill goes on that takes sixty seconds."""

    async def story() -> tuple[FakeMembers, list[Planted]]:
        clock = VirtualClock()
        members = FakeMembers(clock, broken=broken)
        begin_ns = clock.stamp_ns()
        faults = EtcdFaults(
            kinds,
            members,
            clock,
            lambda: (clock.stamp_ns() - begin_ns) / (60 * S),
            lambda: begin_ns,
        )
        await faults.run()
        return members, faults.planted

    return run_virtual(story())


def test_faults_are_planted_in_turn_and_got_over() -> None:
    members, planted = plant([KILL, STOP])

    begin = members.deeds[0][1]
    assert [what for what, _ in members.deeds] == [
        "kill etcd-1",
        "restart etcd-1",
        "healthy",
        "pause etcd-2",
        "resume etcd-2",
        "healthy",
    ]
    assert [round(at - begin) for _, at in members.deeds] == [0, 5, 5, 20, 25, 25]
    first, second = (each.fault for each in planted)
    assert (first.kind, first.member, first.successor) == (KILL, "etcd-1", "etcd-2")
    assert (second.kind, second.member, second.successor) == (STOP, "etcd-2", "etcd-1")
    assert first.elected_s == pytest.approx(1.0, abs=0.1)
    assert first.back_s == pytest.approx(AWAY_S, abs=0.1)
    assert first.share == pytest.approx(1 / 3)


def test_member_that_does_not_come_back_is_told() -> None:
    _, planted = plant([KILL], broken=True)

    assert planted[0].fault.failure == "etcd-1 ended"
    assert planted[0].fault.healthy_s is None


FAULT = EtcdFault(kind=KILL, member="etcd-1", at_s=3.0, share=0.5, healthy_s=12.0)


@pytest.mark.parametrize(
    ("begin_s", "end_s", "planted"),
    [(1, 2, False), (1, 4, True), (5, 6, True), (14, 20, True), (16, 20, False)],
)
def test_stall_is_by_a_fault_until_that_is_over(begin_s: int, end_s: int, planted: bool) -> None:
    found = fault_at([Planted(3 * S, FAULT)], begin_s * S, end_s * S)

    assert found == ("kill-leader of etcd-1" if planted else "")


def test_verdict_names_the_fault_behind_a_stall() -> None:
    stalls = [Stall("fill", "progress", 3.1, 6.0, "kill-leader of etcd-1")]

    verdict = judge(
        Observations(0, 0, 0, load=Load(stalls=stalls), etcd_faults_asked=1, etcd_faults=[FAULT])
    )

    assert verdict.rules == ["server-stalled"]
    assert verdict.reasons[0].endswith("by a fault that was planted: kill-leader of etcd-1")


@pytest.mark.parametrize(
    ("asked", "faults", "said"),
    [
        (1, [FAULT], []),
        (2, [FAULT], ["1 of 2 faults in etcd were not planted"]),
        (1, [EtcdFault(KILL, "etcd-1", 3.0, 0.5)], ["was not over when the run ended"]),
        (1, [EtcdFault(KILL, "etcd-1", 3.0, 0.5, failure="gone")], ["otherwise than planned"]),
    ],
)
def test_verdict_tells_of_faults_that_did_not_happen(
    asked: int, faults: list[EtcdFault], said: list[str]
) -> None:
    verdict = judge(Observations(0, 0, 0, etcd_faults_asked=asked, etcd_faults=faults))

    assert len(verdict.reasons) == len(said)
    assert all(part in reason for part, reason in zip(said, verdict.reasons, strict=True))
    assert verdict.status == (Status.DEGRADED if said else Status.VALID)


def history_of(writes: Sequence[tuple[float, int]]) -> History:
    """Return the history of writes that were answered at these seconds with these codes."""
    records = np.zeros(len(writes), DTYPE)
    records["kind"] = Kind.WRITE
    records["end_ns"] = [int(at * S) for at, _ in writes]
    records["code"] = [code for _, code in writes]
    return History(
        {"control": ProcessHistory("control", records, 1, 0, closed=True)}, [b""], {b"": 0}
    )


def test_effects_are_told_from_the_fault_to_the_next_one() -> None:
    writes = [(1.0, 200), (1.5, 201), (2.9, 200), (7.0, 0), (7.5, 504), (7.6, 503), (8.0, 200)]
    later = [(9.0, 200), (9.5, 409), (12.0, 200), (13.0, 504)]
    planted = [Planted(3 * S, FAULT), Planted(9 * S, FAULT)]

    first, second = effects(planted, history_of([*writes, *later]), 14 * S)

    assert first.writes_stood_still_s == pytest.approx(5.1)
    assert first.usual_gap_s == pytest.approx(1.4)
    assert (first.unknown_writes, first.refused_writes) == (2, 1)
    assert second.writes_stood_still_s == pytest.approx(3.0)
    assert (second.unknown_writes, second.refused_writes) == (1, 0)


def test_fault_is_told_in_a_line_and_on_the_page() -> None:
    fault = EtcdFault(KILL, "etcd-1", 3.0, 0.5, "etcd-2", 1.0, 5.0, 5.2, 2.5, 0.1, 7, 0)

    line = next(etcd_fault_lines([fault]))
    page = etcd_fault_section([ReadFault(kind=KILL, member="etcd-1", unknown_writes=7)])

    assert line == (
        "kill-leader of etcd-1 at 3.0 s: etcd-2 led after 1.0 s, all healthy after 5.2 s; writes "
        "stood still for 2.50 s (before it at most 0.10 s), 7 with an unknown outcome"
    )
    assert "leader killed, started again" in page
    assert ">7<" in page


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--etcd-fault", "stop-world", "--real-etcd", "3"], "'stop-world' is none of"),
        (["--etcd-fault", "kill-leader"], "--etcd-fault needs --real-etcd 3"),
        (["--etcd-fault", "kill-leader", "--real-etcd", "1"], "--etcd-fault needs --real-etcd 3"),
    ],
)
def test_fault_that_cannot_be_planted_is_refused(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["run", *flags])
    except SystemExit as ended:  # argparse
        code = int(str(ended.code))

    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_run_gets_over_a_killed_and_a_stopped_leader(tmp_path: Path) -> None:
    require_etcd()
    out = tmp_path / "run"

    main(
        [
            *("run", "--nodes", "20", "--pods", "300", "--probes", "3", "--real-etcd", "3"),
            *("--etcd-fault", "kill-leader,stop-leader", "--out", str(out)),
        ]
    )

    results = Results.read(out)
    killed, stopped = results.measurements.etcd_faults
    assert (killed.kind, stopped.kind) == (KILL, STOP)
    for fault in (killed, stopped):
        assert fault.failure == ""
        assert fault.successor not in ("", fault.member)
        assert fault.healthy_s is not None
        assert fault.writes_stood_still_s is not None
    history = results.history
    assert history is not None
    assert history.error == ""
    assert history.violations == {}
    assert results.measurements.pod_startup.watched_startup.count == 303
    wrong = ("history-broken", "audit-disagrees", "pods-missing", "pods-surplus", "process-died")
    assert not [rule for rule in results.verdict.rules if rule in wrong]
    assert "Faults in etcd" in (out / "report.html").read_text("utf-8")
