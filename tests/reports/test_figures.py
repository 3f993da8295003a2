from __future__ import annotations

import dataclasses
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reports.apibench_model import ApiBench
from reports.comparing import Cell, CodecResults, Matrix, MatrixResults, read_codecs
from reports.figures.canvas import house_style, key, png, sheet, svg
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import codec_colour, process_colour
from reports.figures.registry import (
    API_BENCH_FIGURES,
    CODEC_FIGURES,
    FIGURES,
    GENERATION_FIGURES,
    MATRIX_FIGURES,
    RUN_FIGURES,
    STORE_BENCH_FIGURES,
)
from reports.generations_model import Generations
from reports.model import Config, Phase, Results, Run
from reports.samples import PodSample, ProcessSample
from reports.storebench_model import StoreBench
from tests.reports.sample_api_bench import sample_api_bench
from tests.reports.sample_generations import sample_generations
from tests.reports.sample_results import write_codecs, write_matrix, write_run
from tests.reports.sample_store_bench import sample_store_bench

RUN_NAMES = [kind.name for kind in RUN_FIGURES]
MATRIX_NAMES = [kind.name for kind in MATRIX_FIGURES]
CODEC_NAMES = [kind.name for kind in CODEC_FIGURES]
API_BENCH_NAMES = [kind.name for kind in API_BENCH_FIGURES]
GENERATION_NAMES = [kind.name for kind in GENERATION_FIGURES]
STORE_BENCH_NAMES = [kind.name for kind in STORE_BENCH_FIGURES]
KINDS = {
    "run": RUN_NAMES,
    "matrix": MATRIX_NAMES,
    "codecs": CODEC_NAMES,
    "api-bench": API_BENCH_NAMES,
    "generations": GENERATION_NAMES,
    "store-bench": STORE_BENCH_NAMES,
}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[type, object]:
    directory: Path = tmp_path_factory.mktemp("results")
    for part in ("run", "matrix"):
        (directory / part).mkdir()
    write_run(directory / "run")
    write_matrix(directory / "matrix", rounds=2)
    write_codecs(directory / "matrix")
    codecs = read_codecs(directory / "matrix")
    assert codecs is not None
    return {
        Run: Run.read(directory / "run"),
        Matrix: Matrix.read(directory / "matrix"),
        CodecResults: codecs,
        ApiBench: sample_api_bench(),
        Generations: sample_generations(),
        StoreBench: sample_store_bench(),
    }


def _drawn(name: str, subjects: dict[type, object]) -> Drawing | None:
    kind = FIGURES[name]
    draw = kind.draw
    return draw(subjects[kind.subject])  # type: ignore[arg-type]  # subjects are keyed by type


def test_figures_of_all_subjects_are_in_one_registry() -> None:
    names = [name for group in KINDS.values() for name in group]

    assert sorted(FIGURES) == sorted(names)
    assert len(set(names)) == len(names)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figure_is_drawn_the_same_every_time(name: str, subjects: dict[type, object]) -> None:
    files = []
    captions = []
    for _ in range(2):
        with house_style():
            drawing = _drawn(name, subjects)
            assert drawing is not None
            files.append((svg(drawing.figure), png(drawing.figure)))
            captions.append(drawing.caption)

    assert files[0] == files[1]
    assert files[0][0].startswith(b"<?xml")
    assert files[0][1].startswith(b"\x89PNG")
    assert b"<dc:date>" not in files[0][0]
    assert captions[0] == captions[1]
    assert captions[0].endswith(".")


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figure_of_nothing_measured_is_not_drawn(name: str) -> None:
    config = Config(codec="protobuf", store="etcd3", nodes=0, pods=0)
    run = Run(Path("nowhere"), Results(schema_version=1, config=config))
    empty: dict[type, object] = {
        Run: run,
        Matrix: _empty_matrix(config),
        CodecResults: CodecResults(1, []),
        ApiBench: dataclasses.replace(sample_api_bench(), lines=[]),
        Generations: dataclasses.replace(sample_generations(), lines=[], details=[]),
        StoreBench: dataclasses.replace(sample_store_bench(), tables=[]),
    }

    with house_style():
        assert _drawn(name, empty) is None


def _empty_matrix(config: Config) -> Matrix:
    cells = [Cell("protobuf-etcd3", "protobuf", "etcd3")]
    return Matrix(Path("nowhere"), MatrixResults(1, config, cells), {}, None)


def test_house_style_leaves_the_settings_of_matplotlib_alone() -> None:
    before = mpl.rcParams["font.size"]

    with house_style():
        inside = mpl.rcParams["svg.hashsalt"]

    assert inside == "kubedyno"
    assert mpl.rcParams["font.size"] == before
    assert mpl.rcParams["svg.hashsalt"] is None


def test_colour_of_an_unknown_name_is_steady_and_of_the_palette() -> None:
    assert codec_colour("cbor") == codec_colour("cbor")
    assert process_colour("proxy").startswith("#")
    assert len({codec_colour(name) for name in ("json", "orjson", "protobuf")}) == 3


moments = st.none() | st.floats(min_value=-1e4, max_value=1e7)
pod_samples = st.lists(st.builds(PodSample, st.just("rc"), *[moments] * 6), max_size=5)
process_samples = st.lists(
    st.builds(
        ProcessSample,
        st.floats(min_value=-1e4, max_value=1e7),
        st.sampled_from(["apiserver", "nodes"]),
        st.floats(min_value=0, max_value=1e5),
        st.none(),
        st.none(),
    ),
    max_size=6,
)
phases = st.lists(
    st.builds(
        Phase,
        st.sampled_from(["fill", "steady"]),
        st.floats(min_value=-10, max_value=1e5),
        st.floats(min_value=-10, max_value=1e5),
    ),
    max_size=2,
)
SAMPLED = [kind for kind in RUN_FIGURES if kind.name in {"pod_startup", "throughput"}] + [
    kind for kind in RUN_FIGURES if kind.name == "cpu_timeline"
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLED, ids=lambda kind: kind.name)
@settings(max_examples=12, deadline=None)
@given(pods=pod_samples, processes=process_samples, phases=phases)
@example(pods=[PodSample("rc", None, None, None, None, None, -1.0)], processes=[], phases=[])
def test_figure_of_odd_samples_is_drawn_without_a_warning(
    kind: FigureKind[Run],
    pods: list[PodSample],
    processes: list[ProcessSample],
    phases: list[Phase],
) -> None:
    config = Config(codec="protobuf", store="etcd3", nodes=1, pods=1)
    results = Results(schema_version=1, config=config, phases=phases)
    run = Run(Path("nowhere"), results, pods, processes)

    with house_style():
        drawing = kind.draw(run)
        if drawing is not None:
            drawing.figure.draw_without_rendering()

    assert drawing is None or drawing.caption


def test_ratios_of_wide_intervals_stay_on_the_sheet(subjects: dict[type, object]) -> None:
    matrix = subjects[Matrix]
    assert isinstance(matrix, Matrix)
    wide = [
        dataclasses.replace(item, ratio=item.ratio * 40, low=1e-9, high=1e9)
        for item in matrix.results.comparisons
    ]
    results = dataclasses.replace(matrix.results, comparisons=wide)

    with house_style():
        drawing = _drawn("ratios", {Matrix: dataclasses.replace(matrix, results=results)})
        assert drawing is not None
        drawing.figure.draw_without_rendering()

    axes = drawing.figure.axes[0]
    first, last = axes.get_xlim()
    assert [t for t in axes.texts if not first <= t.xy[0] <= last] == []  # type: ignore[attr-defined]  # annotations


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 5, 14, 20])
@pytest.mark.parametrize("text", ["read", "the loop and the rest"])
def test_key_of_any_length_leaves_room_for_the_panel(count: int, text: str) -> None:
    with house_style():
        figure = sheet("title", 4.0)
        axes = figure.subplots()
        axes.barh(0, 1.0)
        axes.set_yticks([0], ["measuring process"])
        key(axes, [(f"{text} {number}", "black") for number in range(count)])

        assert png(figure)  # a warning that there is no room is an error

    legend = axes.get_legend()
    assert legend is not None
    drawn = legend.get_window_extent()
    assert 0 <= drawn.x0 < drawn.x1 <= figure.bbox.width
