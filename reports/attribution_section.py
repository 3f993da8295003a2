"""The section of a run's page on where the CPU goes, by process and layer."""

from __future__ import annotations

from reports.attribution_model import Attribution, Encodes, ProcessLayers
from reports.html import Markup, element, join, missing, table
from reports.layer_wording import REST, in_order, unreliable, words_of
from reports.model import process_order
from reports.wording import duration_ms, plain, process_title, with_unit

NOTE = (
    "Layers are sampled: about every 4 ms of CPU the process looks which code it is in, "
    "and charges what it has used since. 2,500 such ticks, 10 s of CPU, tell a share of 10 % to "
    "within 0.6 points (one standard error). The collector and other threads are measured whole. "
    "The rest is what the process used less all layers: the event loop, tasks, receiving and "
    "polling."
)
UNRELIABLE = (
    "The layers come to more than the process used, by over 5 % of it: "
    "they are not to be relied on."
)


def attribution_section(attribution: Attribution) -> Markup:
    """Return a table of layers for each process, and how often objects are encoded."""
    if not attribution.processes:
        return missing("the processes told no layers (--attribution on)")
    parts: list[Markup] = []
    for name in process_order(attribution.processes):
        parts.append(element("h3", process_title(name)))
        parts += _process(attribution.processes[name], attribution.pods)
        if unreliable(attribution.processes[name]):
            parts.append(element("p", UNRELIABLE))
    parts.append(element("p", NOTE, style="missing"))
    if attribution.encodes is not None:
        parts += [element("h3", "Encodings"), _encodes(attribution.encodes)]
    return join(parts)


def _process(process: ProcessLayers, pods: int) -> tuple[Markup, Markup]:
    rows = [
        (
            words_of(layer.name).title,
            words_of(layer.name).what,
            *_numbers(layer.cpu_s, layer.cpu_fill_s, process, pods),
            _each(layer.cpu_s, layer.operations, layer.operation),
        )
        for layer in in_order(process.layers)
    ]
    rest = _numbers(process.rest_s, process.rest_fill_s, process, pods)
    rows.append((REST, "the process less all layers", *rest, ""))
    rows.append(("all", "", *_numbers(process.cpu_s, process.cpu_fill_s, process, pods), ""))
    head = ("layer", "what", "CPU", "share", "in the fill", "share", "for each pod", "each")
    note = (
        f"{plain(process.kernel_s)} s of it the loop's thread spent in the kernel. Measuring this "
        f"took {process.own_share:.2%} of the process's CPU, by its own clock."
    )
    return table(head, rows, labels=2), element("p", note, style="missing")


def _numbers(
    cpu_s: float, fill_s: float | None, process: ProcessLayers, pods: int
) -> tuple[str, ...]:
    return (
        f"{plain(cpu_s)} s",
        _share(cpu_s, process.cpu_s),
        with_unit(fill_s, "s"),
        _share(fill_s, process.cpu_fill_s),
        "" if fill_s is None or not pods else duration_ms(fill_s * 1000 / pods),
    )


def _share(part: float | None, whole: float | None) -> str:
    return f"{part / whole:.1%}" if part is not None and whole else ""


def _each(cpu_s: float, operations: int, operation: str) -> str:
    if not operations:
        return ""
    article = "an" if operation.startswith("e") else "a"
    return f"{duration_ms(cpu_s * 1000 / operations)} {article} {operation}"


def _encodes(encodes: Encodes) -> Markup:
    versions = encodes.versions or 1
    rows = [
        ("for the store", encodes.for_store),
        ("stored bytes, the revision written in", encodes.stamped),
        *((f"{codec}, from a message", times) for codec, times in encodes.fresh.items()),
        *((f"{codec}, bytes that were there", times) for codec, times in encodes.kept.items()),
    ]
    drawn = table(
        ("made", "times", "for each object version"),
        ((title, f"{times:,}", plain(times / versions)) for title, times in rows),
    )
    return join((drawn, element("p", f"{encodes.versions:,} object versions were written.")))
