"""The facts that every page states about where its numbers come from."""

from __future__ import annotations

from reports.html import Markup, element, facts, join
from reports.model import Config, Environment
from reports.switch_facts import switch_facts
from reports.wording import counted, plain


def environment_facts(environment: Environment) -> Markup:
    """Return the machine and the software."""
    load = environment.load_average
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    return facts(
        (
            ("processor", environment.cpu),
            ("cores", str(environment.cores) if environment.cores else ""),
            ("memory", f"{environment.memory_mib:,} MiB" if environment.memory_mib else ""),
            ("kernel", environment.kernel),
            ("Python", environment.python),
            ("load average before", plain(load) if load is not None else ""),
            ("git revision", environment.git_revision),
            ("libraries", versions),
        )
    )


def load_facts(config: Config) -> list[tuple[str, str]]:
    """Return the load that was asked for."""
    rate = config.rate
    interval = config.probe_interval_ms
    return [
        ("scenario", config.scenario),
        ("hollow nodes", f"{config.nodes:,}"),
        ("pods of the fill", f"{config.pods:,}"),
        (
            "controllers created",
            "" if rate is None else (f"{plain(rate)} a second" if rate else "all at once"),
        ),
        (
            "probes",
            ""
            if config.probes is None or interval is None or config.steady_s
            else f"{config.probes}, one every {interval:g} ms",
        ),
        ("steady phase", _steady(config)),
        ("node status every", "" if config.heartbeat_s is None else f"{config.heartbeat_s:g} s"),
        ("watch writes", config.watch_write),
        *switch_facts(config),
        ("seed", "" if config.seed is None else str(config.seed)),
    ]


def _steady(config: Config) -> str:
    if not config.steady_s:
        return ""
    churn = config.churn_per_s or 0.0
    every = config.compact_every_s
    compacted = f", the store compacted every {every:g} s" if every else ""
    return f"{config.steady_s:g} s with {churn:g} changes of pods a second{compacted}"


def shown_command(command: str) -> Markup:
    """Return a command line to copy."""
    return join((element("p", "The same load on the same cell:"), element("pre", command)))


def load_title(config: Config) -> str:
    """Return the load in words."""
    return f"{counted(config.pods, 'pod')} on {counted(config.nodes, 'hollow node')}"
