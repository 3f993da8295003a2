"""From readings to what is told: each measure in each family, paired by round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.generations.claims import NEWER, Measure
from bench.generations.measures import MEASURES
from bench.generations.results import Detail, Line, Reading, Verdict
from bench.generations.subjects import FAMILIES, SUBJECTS
from bench.generations.verdicts import judge
from bench.matrix_results import Interval
from bench.statistics import mean_interval

Values = dict[int, dict[str, float]]
"""By round, then by name."""


def values_by_subject(readings: Iterable[Reading]) -> dict[str, Values]:
    """Return what counts of every subject: failed readings are left out."""
    found: dict[str, Values] = {name: {} for name in SUBJECTS}
    for reading in readings:
        if not reading.failed:
            found[reading.subject].setdefault(reading.round, {}).update(reading.values)
    return found


def lines_of(readings: Sequence[Reading], rows: str) -> list[Line]:
    """Return every measure of the rows, for ours and for the real ones."""
    by_subject = values_by_subject(readings)
    return [
        _line(measure, family, by_subject[older], by_subject[newer])
        for measure in MEASURES
        if measure.row in rows
        for family, (older, newer) in FAMILIES.items()
    ]


def _line(measure: Measure, family: str, older: Values, newer: Values) -> Line:
    olds = {r: found[measure.older] for r, found in older.items() if measure.older in found}
    news = {r: found[measure.newer] for r, found in newer.items() if measure.newer in found}
    if measure.bound:
        news = dict.fromkeys(olds, measure.bound)
    rounds = sorted(olds.keys() & news.keys())
    larger, smaller = [olds[r] for r in rounds], [news[r] for r in rounds]
    if measure.larger == NEWER:
        larger, smaller = smaller, larger
    judged = judge(larger, smaller, size=measure.size, exact=measure.exact)
    return Line(
        row=measure.row,
        measure=measure.key,
        title=measure.title,
        unit=measure.unit,
        family=family,
        claim=measure.claim,
        source=measure.source,
        older=_interval(olds),
        newer=None if measure.bound else _interval(news),
        words=measure.words,
        ratio=judged.ratio,
        low=judged.low,
        high=judged.high,
        rounds=judged.rounds,
        size=measure.size,
        verdict=judged.verdict if rounds else Verdict.UNDECIDED,
        size_verdict=judged.size,
        exact=measure.exact,
        rounds_needed=judged.rounds_needed,
    )


def _interval(values: dict[int, float]) -> Interval | None:
    return mean_interval([values[r] for r in sorted(values)]) if values else None


def details_of(readings: Sequence[Reading]) -> list[Detail]:
    """Return every value of every subject over its rounds, in the order of their names."""
    return list(_details(values_by_subject(readings)))


def _details(by_subject: dict[str, Values]) -> Iterator[Detail]:
    names = sorted(
        {n for rounds in by_subject.values() for found in rounds.values() for n in found}
    )
    for name in names:
        for subject, rounds in by_subject.items():
            interval = _interval({r: found[name] for r, found in rounds.items() if name in found})
            if interval is not None:
                yield Detail(name, subject, interval)
