"""What is compared: the claims, where they were made, and the values that bear on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

TITLES: Final = {
    "a": "Events to one watcher",
    "b": "What watchers cost",
    "c": "LIST of everything",
    "d": "Keys that must stay alive",
    "e": "Bytes of the same pods",
    "f": "Restart, snapshots, memory",
    "g": "Under the API server",
    "h": "Single writes and reads",
}
BLOG_1_6: Final = "Kubernetes blog, March 2017, Scalability updates in 1.6"
BLOG_1_3: Final = "Kubernetes blog, July 2016, performance of 1.3"
COREOS: Final = "CoreOS blog, 30 June 2016, etcd3: a new etcd"
ISSUE_32361: Final = "kubernetes/kubernetes#32361"
ETCD_2695: Final = "etcd-io/etcd#2695"
PROPOSAL: Final = "Kubernetes design proposal, protobuf.md, March 2016"
NO_SOURCE: Final = "no published figure found; follows from the design"
OLDER: Final = "older"
NEWER: Final = "newer"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is compared, and what is claimed of it."""

    key: str
    title: str
    unit: str
    older: str
    """The value of etcd 2."""
    newer: str
    """The value of etcd 3; empty: etcd 2 is held against ``bound``."""
    larger: str
    """Which the claim says is the larger one: ``older`` or ``newer`` (or the bound)."""
    claim: str
    source: str
    size: float | None = None
    """By which factor, where one was claimed."""
    bound: float = 0.0
    exact: bool = False

    @property
    def row(self) -> str:
        """Return the letter of its row."""
        return self.key[0]

    @property
    def words(self) -> str:
        """Return what the ratio is of, so that above 1 is as claimed."""
        if self.bound:
            return f"{self.bound:g} / etcd 2"
        return "etcd 2 / etcd 3" if self.larger == OLDER else "etcd 3 / etcd 2"


def _same(key: str, title: str, unit: str, larger: str, claim: str, source: str) -> Measure:
    """Return a measure whose value has one name in both generations."""
    return Measure(key, title, unit, key, key, larger, claim, source)


def _sized(measure: Measure, size: float) -> Measure:
    """Return a measure with the factor that was claimed."""
    return replace(measure, size=size)


CANNOT_500: Final = "etcd 2 could not feed 500 events/s to one watcher"
FEEDS_MORE: Final = "etcd 3 feeds a watcher what etcd 2 cannot"
MULTIPLEXED: Final = "multiplexed watches need at least 10x less memory"
MESSAGES_2X: Final = "gRPC keeps about 2x in message processing, also over an optimised JSON client"
LEASES: Final = "leases remove consensus writes in the steady state: keys / TTL requests a second"
BASE64: Final = "protobuf needs etcd 3: in etcd 2 it has to be wrapped as base64, in JSON"
SMALLER: Final = "protobuf's wire size is half of JSON's"
WHOLE: Final = "etcd 2 holds all in memory, and copies and writes it whole as JSON for a snapshot"

MEASURES: Final[tuple[Measure, ...]] = (
    Measure(
        "a_poll_500",
        "highest rate to one watcher, a poll an event (as Kubernetes 1.x)",
        "events/s",
        "a_poll_per_s",
        "",
        NEWER,
        CANNOT_500,
        BLOG_1_6,
        bound=500.0,
    ),
    Measure(
        "a_stream_500",
        "highest rate to one watcher, a stream",
        "events/s",
        "a_stream_per_s",
        "",
        NEWER,
        CANNOT_500,
        BLOG_1_6,
        bound=500.0,
    ),
    Measure(
        "a_poll_per_s",
        "highest rate to one watcher: etcd 3's stream, etcd 2's polls",
        "events/s",
        "a_poll_per_s",
        "a_stream_per_s",
        NEWER,
        FEEDS_MORE,
        BLOG_1_6,
    ),
    _same(
        "a_stream_per_s",
        "highest rate to one watcher: both by streams",
        "events/s",
        NEWER,
        FEEDS_MORE,
        BLOG_1_6,
    ),
    Measure(
        "a_window_events",
        "events of others until a watch is lost (etcd 3: none, so many were tried)",
        "events",
        "a_window_events",
        "a_window_events",
        NEWER,
        "etcd 2 keeps 1000 events over all keys",
        ETCD_2695,
        exact=True,
    ),
    Measure(
        "a_poll_told_after_hanging_share",
        "share told to a watcher that hung: etcd 3's stream, etcd 2's polls",
        "of 1",
        "a_poll_told_after_hanging_share",
        "a_stream_told_after_hanging_share",
        NEWER,
        "a watcher of etcd 2 slides out of the window",
        ISSUE_32361,
    ),
    _same(
        "a_stream_told_after_hanging_share",
        "share told to a watcher that hung: both by streams",
        "of 1",
        NEWER,
        "a watcher of etcd 2 slides out of the window",
        ISSUE_32361,
    ),
    _sized(
        _same(
            "b_idle_kib_per_watcher", "memory a watcher, idle", "KiB", OLDER, MULTIPLEXED, COREOS
        ),
        10.0,
    ),
    _sized(
        _same(
            "b_flow_kib_per_watcher",
            "memory a watcher, events flowing",
            "KiB",
            OLDER,
            MULTIPLEXED,
            COREOS,
        ),
        10.0,
    ),
    _sized(
        _same(
            "b_flow_cpu_us_per_event_at_most",
            "CPU an event told, most watchers",
            "us",
            OLDER,
            MESSAGES_2X,
            COREOS,
        ),
        2.0,
    ),
    _same("c_list_s", "time of the LIST", "s", OLDER, "etcd 3 lists faster", NO_SOURCE),
    _same("c_list_bytes", "bytes of the LIST", "bytes", OLDER, "etcd 3 sends less", NO_SOURCE),
    _same("c_list_cpu_s", "server CPU of the LIST", "s", OLDER, "etcd 3 needs less CPU", NO_SOURCE),
    _same(
        "c_get_gap_ms_max",
        "longest wait of a GET beside it",
        "ms",
        OLDER,
        "etcd 3 stalls others less",
        NO_SOURCE,
    ),
    _same(
        "d_entries_per_refresh_together",
        "entries in the store's history a refresh: one lease",
        "",
        OLDER,
        LEASES,
        COREOS,
    ),
    _same(
        "d_entries_per_refresh_apart",
        "entries in the store's history a refresh: a lease a key",
        "",
        OLDER,
        LEASES,
        COREOS,
    ),
    _same(
        "d_requests_per_refresh_together",
        "requests a refresh: one lease",
        "",
        OLDER,
        LEASES,
        COREOS,
    ),
    _same(
        "d_cpu_us_per_refresh_together",
        "server CPU a refresh: one lease",
        "us",
        OLDER,
        LEASES,
        COREOS,
    ),
    _same(
        "d_cpu_us_per_refresh_apart",
        "server CPU a refresh: a lease a key",
        "us",
        OLDER,
        LEASES,
        COREOS,
    ),
    _same(
        "d_disk_bytes_per_refresh_together",
        "bytes to disk a refresh: one lease",
        "bytes",
        OLDER,
        LEASES,
        COREOS,
    ),
    *(
        Measure(
            f"e_{what}_bytes_{form}",
            f"bytes a {title}, {form}",
            "bytes",
            f"e_{what}_bytes_{form}",
            f"e_{what}_bytes_{form}",
            OLDER,
            BASE64,
            BLOG_1_6,
            exact=True,
        )
        for form in ("protobuf", "json")
        for what, title in (("write", "write"), ("event", "event"), ("item", "list item"))
    ),
    *(
        Measure(
            f"e_{what}_bytes_switch",
            f"bytes a {title}: JSON in etcd 2, protobuf in etcd 3",
            "bytes",
            f"e_{what}_bytes_json",
            f"e_{what}_bytes_protobuf",
            OLDER,
            SMALLER,
            PROPOSAL,
            2.0,
            exact=True,
        )
        for what, title in (("write", "write"), ("event", "event"), ("item", "list item"))
    ),
    _same(
        "f_gap_ms_max",
        "longest wait of a GET while snapshots are due",
        "ms",
        OLDER,
        WHOLE,
        NO_SOURCE,
    ),
    _same(
        "f_restart_s", "start on all the data, to the first answer", "s", OLDER, WHOLE, NO_SOURCE
    ),
    _same("f_anon_mib", "memory with all the data", "MiB", OLDER, WHOLE, NO_SOURCE),
    _same(
        "f_restart_anon_mib",
        "memory after the start on all the data",
        "MiB",
        OLDER,
        WHOLE,
        NO_SOURCE,
    ),
    _same(
        "g_pods_per_s",
        "pods started, protobuf in both",
        "pods/s",
        NEWER,
        "etcd 2 was the bottleneck of Kubernetes",
        ISSUE_32361,
    ),
    _same(
        "g_startup_p99_ms",
        "start-up p99, protobuf in both",
        "ms",
        OLDER,
        "etcd 2 was the bottleneck of Kubernetes",
        ISSUE_32361,
    ),
    _same(
        "g_cpu_ms_per_pod",
        "CPU a pod, all processes, protobuf in both",
        "ms",
        OLDER,
        "etcd 2 was the bottleneck of Kubernetes",
        ISSUE_32361,
    ),
    Measure(
        "g_switch_startup_p99_ms",
        "start-up p99: JSON on etcd 2, protobuf on etcd 3",
        "ms",
        "g_json_startup_p99_ms",
        "g_startup_p99_ms",
        OLDER,
        "protobuf stored in etcd cuts start-up by another 30 %",
        BLOG_1_3,
        1 / 0.7,
    ),
    Measure(
        "g_switch_pods_per_s",
        "pods started: JSON on etcd 2, protobuf on etcd 3",
        "pods/s",
        "g_json_pods_per_s",
        "g_pods_per_s",
        NEWER,
        "etcd 2 was the bottleneck of Kubernetes",
        ISSUE_32361,
    ),
    _sized(_same("h_put_cpu_us", "server CPU a write", "us", OLDER, MESSAGES_2X, COREOS), 2.0),
    _sized(
        _same(
            "h_read_cpu_us",
            "server CPU a read through the log (linearizable)",
            "us",
            OLDER,
            MESSAGES_2X,
            COREOS,
        ),
        2.0,
    ),
    _sized(
        _same(
            "h_get_cpu_us",
            "server CPU a read as Kubernetes asked (etcd 2: from one member's memory)",
            "us",
            OLDER,
            MESSAGES_2X,
            COREOS,
        ),
        2.0,
    ),
    _same("h_puts_per_s", "writes, 64 clients", "1/s", NEWER, MESSAGES_2X, COREOS),
    _same("h_reads_per_s", "reads through the log, 64 clients", "1/s", NEWER, MESSAGES_2X, COREOS),
    _same(
        "h_gets_per_s", "reads as Kubernetes asked, 64 clients", "1/s", NEWER, MESSAGES_2X, COREOS
    ),
)
