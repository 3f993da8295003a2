"""What the terminal's summary says of faults that were planted into the run's own etcd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.etcd_fault_results import EtcdFault


def etcd_fault_lines(faults: Sequence[EtcdFault]) -> Iterator[str]:
    """Yield a line a fault."""
    for fault in faults:
        said = f"{fault.kind} of {fault.member} at {fault.at_s:.1f} s"
        if fault.elected_s is not None:
            said += f": {fault.successor} led after {fault.elected_s:.1f} s"
        if fault.healthy_s is not None:
            said += f", all healthy after {fault.healthy_s:.1f} s"
        if fault.writes_stood_still_s is not None:
            said += f"; writes stood still for {fault.writes_stood_still_s:.2f} s"
        if fault.usual_gap_s is not None:
            said += f" (before it at most {fault.usual_gap_s:.2f} s)"
        if fault.unknown_writes is not None:
            said += f", {fault.unknown_writes} with an unknown outcome"
        if fault.refused_writes:
            said += f", {fault.refused_writes} refused"
        yield said + (f"; {fault.failure}" if fault.failure else "")
