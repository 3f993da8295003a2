"""Every figure, in the order in which a report shows them. A new figure is a file and a line."""

from __future__ import annotations

from typing import Final

from reports.apibench_model import ApiBench
from reports.comparing import CodecResults, Matrix
from reports.figures import (
    aims,
    attribution,
    codec_by_store,
    codecs,
    cpu_by_process,
    cpu_timeline,
    generations,
    memory_by_process,
    ratios,
    startup,
    startup_by_cell,
    store_rates,
    throughput,
    waterfall,
)
from reports.figures.kind import FigureKind
from reports.generations_model import Generations
from reports.model import Run
from reports.storebench_model import StoreBench

RUN_FIGURES: Final[tuple[FigureKind[Run], ...]] = (
    startup.FIGURE,
    waterfall.FIGURE,
    attribution.FIGURE,
    throughput.FIGURE,
    cpu_timeline.FIGURE,
    cpu_by_process.FIGURE,
    memory_by_process.FIGURE,
)
MATRIX_FIGURES: Final[tuple[FigureKind[Matrix], ...]] = (
    codec_by_store.FIGURE,
    ratios.FIGURE,
    cpu_by_process.CELLS_FIGURE,
    startup_by_cell.FIGURE,
    memory_by_process.CELLS_FIGURE,
)
API_BENCH_FIGURES: Final[tuple[FigureKind[ApiBench], ...]] = (aims.FIGURE,)
CODEC_FIGURES: Final[tuple[FigureKind[CodecResults], ...]] = (codecs.FIGURE,)
GENERATION_FIGURES: Final[tuple[FigureKind[Generations], ...]] = (
    generations.FIGURE,
    generations.RATES_FIGURE,
    generations.WATCHERS_FIGURE,
)
STORE_BENCH_FIGURES: Final[tuple[FigureKind[StoreBench], ...]] = (store_rates.FIGURE,)
AnyFigure = (
    FigureKind[Run]
    | FigureKind[Matrix]
    | FigureKind[CodecResults]
    | FigureKind[ApiBench]
    | FigureKind[Generations]
    | FigureKind[StoreBench]
)
FIGURES: Final[dict[str, AnyFigure]] = {
    **{figure.name: figure for figure in RUN_FIGURES},
    **{figure.name: figure for figure in MATRIX_FIGURES},
    **{figure.name: figure for figure in CODEC_FIGURES},
    **{figure.name: figure for figure in API_BENCH_FIGURES},
    **{figure.name: figure for figure in GENERATION_FIGURES},
    **{figure.name: figure for figure in STORE_BENCH_FIGURES},
}
