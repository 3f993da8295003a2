"""The page of a matrix: what the choice of codec and store changes, over rounds."""

from __future__ import annotations

from reports.claims import CLAIMED_NODES, CLAIMED_PODS, PROTOBUF_CLAIM
from reports.codec_table import claim_rows, codec_tables, missing_table
from reports.comparing import Cell, Comparison, Interval, Matrix, MatrixResults, Round
from reports.environment_facts import environment_facts, load_facts, load_title, shown_command
from reports.figures.codec_by_store import by_store
from reports.figures.ratios import Gain, gains
from reports.figures.registry import CODEC_FIGURES, MATRIX_FIGURES
from reports.files import draw_figures
from reports.html import (
    Markup,
    Tile,
    banner,
    bullets,
    element,
    facts,
    join,
    missing,
    page,
    section,
    table,
    tiles,
)
from reports.limits import LIMITS
from reports.metrics import metric_keys, metric_of, values_of
from reports.model import Verdict
from reports.reproduce import matrix_command
from reports.switch_facts import switch_title
from reports.wording import NOT_MEASURED, counted, duration_ms, plain, with_unit


def matrix_page(matrix: Matrix) -> str:
    """Draw a matrix' figures and return its page."""
    results = matrix.results
    figures = draw_figures(matrix.directory, MATRIX_FIGURES, matrix)
    rounds = max(len(cell.rounds) for cell in results.cells)
    codecs = list(dict.fromkeys(cell.codec for cell in results.cells))
    stores = list(dict.fromkeys(cell.store for cell in results.cells))
    command = results.command or matrix_command(results, rounds)
    return page(
        f"{_listed(codecs)} over {_listed(stores)}: {load_title(results.config)}",
        _subtitle(results, rounds),
        (
            banner(_verdict(results, rounds)),
            tiles(_tiles(matrix)),
            section("What happened", figures),
            section("What the slides claim, and what was measured here", _claims(matrix)),
            section("Every metric in every cell", _metrics(matrix)),
            section("Every comparison", _comparisons(results)),
            section("Codecs alone", _codecs(matrix)),
            section("What was run, and on what", _facts(results)),
            section("How to reproduce it", shown_command(command)),
            section("What is not in these numbers", bullets(LIMITS)),
        ),
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _subtitle(results: MatrixResults, rounds: int) -> str:
    took = "" if results.duration_s is None else f"took {duration_ms(results.duration_s * 1000)}"
    shape = f"{counted(len(results.cells), 'cell')} x {counted(rounds, 'round')}"
    return " · ".join(part for part in (shape, results.matrix_id, results.started, took) if part)


def _verdict(results: MatrixResults, rounds: int) -> Verdict:
    """Return one verdict over all rounds: as good as the rounds are, void if none counts."""
    every = [(cell, item) for cell in results.cells for item in cell.rounds]
    statuses = [item.verdict.status for _, item in every]
    reasons = [_reason(cell, item) for cell, item in every if item.verdict.status != "valid"]
    if not results.complete or len(every) < rounds * len(results.cells):
        reasons.insert(0, "The matrix was interrupted: some rounds are missing.")
    if not every or all(status == "void" for status in statuses):
        return Verdict("void", reasons or ["No round counts."])
    if not any(statuses):
        return Verdict("", reasons)
    return Verdict("degraded" if reasons else "valid", reasons)


def _reason(cell: Cell, item: Round) -> str:
    status = item.verdict.status or "no verdict"
    why = "; ".join(item.verdict.reasons)
    left_out = " (left out)" if status == "void" else ""
    return f"{cell.name}, round {item.round}: {status}{left_out}{': ' if why else ''}{why}"


def _decision(gain: Gain) -> str:
    return "decided" if gain.decided else f"undecided after {counted(gain.rounds, 'round')}"


def _tiles(matrix: Matrix) -> list[Tile]:
    """Return the fastest cell, and the reference codec's gain over the first other, by store."""
    results = matrix.results
    best: tuple[float, Cell] | None = None
    for cell in results.cells:
        interval = values_of(results, cell, "pods_per_s").interval
        if interval and (best is None or interval.mean > best[0]):
            best = (interval.mean, cell)
    found = [
        Tile(
            "Fastest cell",
            with_unit(best[0] if best else None, "pods/s"),
            best[1].name if best else "",
        )
    ]
    titles = {"pods_per_s": "More pods/s", "cpu_ms_per_pod": "Less CPU for each pod"}
    wanted = [gain for gain in gains(matrix) if gain.metric in titles]
    found.extend(
        Tile(
            titles[gain.metric],
            f"{gain.times:.2f}x",
            f"{gain.reference} against {gain.codec} on {gain.store}; {_decision(gain)}",
        )
        for gain in wanted
        if gain.codec == wanted[0].codec
    )
    return found


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"


def _claims(matrix: Matrix) -> Markup:
    claimed = f"{PROTOBUF_CLAIM[0]:g}-{PROTOBUF_CLAIM[1]:g}x"
    rows = claim_rows(matrix.codecs)
    rows += [
        [
            f"whole cluster, {metric_of(matrix.results, gain.metric).title} on {gain.store}, "
            f"{gain.reference} against {gain.codec}",
            "no claim",
            f"{gain.times:.2f}x{_bounds(gain.low, gain.high)}, {_decision(gain)}",
        ]
        for gain in gains(matrix)
    ]
    config = matrix.results.config
    rows.append(
        [
            "size of the cluster",
            f"{CLAIMED_NODES:,} nodes, {CLAIMED_PODS:,} pods",
            f"{config.nodes:,} nodes, {config.pods:,} pods (as asked for here)",
        ]
    )
    return join(
        (
            element(
                "p",
                "Kubernetes 1.3's slides credit protobuf with serialization that is "
                f"{claimed} faster than JSON. They say nothing of a whole cluster; what is left "
                "of a codec's gain there is what this matrix measures. Above 1x the first named "
                "is better. The claim is nearest to wire; typed JSON also pays for turning a tree "
                "into our object model, which is the model's price, not JSON's.",
            ),
            table(("what", "claimed", "measured"), rows, labels=1),
        )
    )


def _estimate(interval: Interval | None, rounds: int) -> str:
    if interval is None:
        return NOT_MEASURED
    if interval.low is None or interval.high is None:
        words = "1 round, no interval"
    else:
        words = f"{plain(interval.low)} to {plain(interval.high)}, n = {interval.rounds or rounds}"
    return join((plain(interval.mean), element("span", words, style="range")))


def _metrics(matrix: Matrix) -> Markup:
    results = matrix.results
    cells = by_store(matrix)
    keys = metric_keys(results)
    if not keys:
        return missing()
    rows = []
    for key in keys:
        metric = metric_of(results, key)
        found = [values_of(results, cell, key) for cell in cells]
        unit = f", {metric.unit}" if metric.unit else ""
        rows.append(
            [
                f"{metric.title}{unit}",
                *(_estimate(values.interval, len(values.rounds)) for values in found),
            ]
        )
    note = "Means over rounds, with 95 % intervals of the mean; n rounds that count."
    return join((element("p", note), table(["metric", *(cell.name for cell in cells)], rows)))


def _says(item: Comparison) -> str:
    if item.decided:
        return "decided"
    needed = f", about {item.rounds_needed} needed" if item.rounds_needed else ""
    return f"undecided: {counted(item.rounds, 'round')}{needed}"


def _comparisons(results: MatrixResults) -> Markup:
    rows = (
        (
            metric_of(results, item.metric).title,
            f"{item.numerator} / {item.denominator}",
            f"{item.ratio:.2f}x{_bounds(item.low, item.high)}",
            str(item.rounds),
            _says(item),
        )
        for item in results.comparisons
    )
    if not results.comparisons:
        return missing("a comparison needs two cells that differ in one axis.")
    return table(("metric", "ratio of", "ratio", "rounds", ""), rows, labels=2)


def _codecs(matrix: Matrix) -> Markup:
    if matrix.codecs is None:
        return missing_table()
    drawn = draw_figures(matrix.directory, CODEC_FIGURES, matrix.codecs)
    return join((drawn, codec_tables(matrix.codecs)))


def _facts(results: MatrixResults) -> Markup:
    return join(
        (
            facts(
                (
                    *load_facts(results.shared),
                    *(
                        (f"axis: {switch_title(name)}", ", ".join(values))
                        for name, values in results.varied.items()
                    ),
                    ("order of the runs", ", ".join(results.order)),
                )
            ),
            environment_facts(results.environment),
        )
    )
