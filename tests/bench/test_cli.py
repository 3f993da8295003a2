"""The command line: what it refuses, and that a misuse is one line and exit code 2."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli import build_parser, main
from bench.commands.interface import MISSED, OK, USAGE, VOID, UsageError
from bench.commands.options import claim_directory, names
from bench.commands.progress import Narrator
from bench.commands.registry import COMMANDS
from bench.commands.report import FILES as REPORTED
from bench.commands.run import exit_code
from bench.commands.summary import number, print_codecs, print_matrix, print_run
from bench.comparisons import compare, summarize, values_of
from bench.kubeconfig import kubeconfig
from bench.matrix_results import METRICS, Cell, CodecResults, CodecRow, MatrixResults, Round
from bench.results import ServiceLevel, Status, Verdict
from reports.render import RENDERERS
from storage.virtual_time import VirtualClock, run_virtual
from tests.bench.run_results import ENVIRONMENT, results

MISUSES = [
    ["frobnicate"],
    [],
    ["run", "--nodes", "0"],
    ["run", "--nodes", "many"],
    ["run", "--codec", "xml"],
    ["run", "--storage-codec", "xml"],
    ["run", "--store", "mysql"],
    ["run", "--frob"],
    ["run", "--watch-write", "carrier-pigeon"],
    ["run", "--probe-interval", "-1"],
    ["run", "--rate", "-1"],
    ["run", "--rate", "nan"],
    ["run", "--rate", "1e9"],
    ["run", "--churn", "1e9"],
    ["run", "--kubeconfig", str(Path(__file__) / "no" / "directory")],
    ["up", "--kubeconfig", str(Path(__file__).parent)],
    ["run", "--fault", "flat-tyre"],
    ["run", "--kubelet-writes", "carve"],
    ["run", "--events", "maybe"],
    ["run", "--crash-probability", "2"],
    ["run", "--crash-after", "soon"],
    ["run", "--start-latency-ms", "5:1"],
    ["run", "--listen", "nonsense"],
    ["run", "--data-dir", str(Path(__file__).parent)],
    ["run", "--data-dir", __file__],
    ["matrix", "--heartbeat-kind", "drum"],
    ["matrix", "--switch", "kubelet-writes"],
    ["matrix", "--switch", "kubelet-writes=put,carve"],
    ["matrix", "--switch", "brakes=on,off"],
    ["up", "--codec", "xml"],
    ["up", "--listen", "nonsense"],
    ["up", "--listen", "127.0.0.1:65536"],
    ["matrix", "--codec", ""],
    ["matrix", "--codec", "json,xml"],
    ["matrix", "--rounds", "0"],
    ["micro", "--suite", "none"],
    ["report", "no-such-directory"],
    ["locust", "--server", "nonsense"],
    ["locust", "--kinds", "robot=1"],
    ["locust", "--kinds", "kubelet=0"],
    ["locust", "--users", "0"],
    ["locust", "--server", "http://x", "--kubeconfig", "y"],
    ["locust", "--kubeconfig", "no-such-file"],
    ["locust", "--web", "nowhere"],
]


@pytest.mark.parametrize("argv", MISUSES, ids=" ".join)
def test_a_misuse_is_one_line_and_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(argv)

    said = capsys.readouterr()
    assert code == USAGE
    assert said.out == ""
    assert said.err.startswith("kubedyno: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([name, "--help"])

    assert code == OK
    assert COMMANDS[name].HELP.split()[0] in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_listed(name: str) -> None:
    text = build_parser().format_help()

    assert name in text


def test_results_do_not_go_where_something_else_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")

    with pytest.raises(UsageError, match="not empty"):
        claim_directory(tmp_path, ("results.json",))


@pytest.mark.parametrize("text", ["{}", '{"compilerOptions": {}}', "[]", "no JSON", ""])
def test_a_file_of_our_name_that_is_not_ours_does_not_make_a_directory_ours(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match="not empty"):
        claim_directory(tmp_path, ("results.json", "config.json"))


def test_results_may_replace_older_results(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema_version": 1}', encoding="utf-8")

    assert claim_directory(tmp_path, ("results.json",)) == tmp_path


def test_results_do_not_go_where_no_directory_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for out in (tmp_path / "file" / "out", Path("/proc/out")):
        with pytest.raises(UsageError, match=f"--out {out}: "):
            claim_directory(out, ("results.json",))


def test_names_are_kept_once_each_and_in_order() -> None:
    assert names(" json, protobuf,json ,") == ["json", "protobuf"]


def test_exit_code_tells_void_from_missed_from_ok() -> None:
    good = results()
    slow = {**good.slo, "pod_startup_p99": ServiceLevel(5000.0, 6000.0, met=False)}

    assert exit_code(good) == OK
    assert exit_code(results(verdict=Verdict(Status.DEGRADED, ["late"]))) == OK
    assert exit_code(results(verdict=Verdict(Status.VOID, ["died"]))) == VOID
    object.__setattr__(good, "slo", slow)
    assert exit_code(good) == MISSED


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.01234, "0.0123"), (12.345, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_are_shown_with_three_digits(value: float | None, shown: str) -> None:
    assert number(value) == shown


def printed() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=140), text


def test_summary_of_a_run_shows_what_matters() -> None:
    console, text = printed()

    print_run(results(verdict=Verdict(Status.DEGRADED, ["the generator sent late"])), console)

    said = text.getvalue()
    for words in ("protobuf-etcd3", "pods started  1.5/s", "apiserver", "degraded", "sent late"):
        assert words in said


def test_summary_of_a_matrix_shows_cells_ratios_and_reasons() -> None:
    console, text = printed()
    values = values_of(results())
    cells = []
    for codec in ("json", "protobuf"):
        rounds = [Round(1, f"{codec}-memory/round-1", Verdict(), values)]
        rounds.append(Round(2, f"{codec}-memory/round-2", Verdict(Status.VOID, ["it died"]), {}))
        cells.append(Cell(f"{codec}-memory", codec, codec, "memory", rounds, summarize(rounds)))
    matrix = MatrixResults(
        1,
        "m",
        "now",
        60.0,
        True,
        ENVIRONMENT,
        results().config,
        [],
        dict(METRICS),
        cells,
        list(compare(cells)),
    )

    print_matrix(matrix, console)

    said = text.getvalue()
    assert "2 cells x 2 rounds" in said
    ratios = next(line for line in said.splitlines() if "json-memory / protobuf" in line)
    columns = [column.strip() for column in ratios.split("  ") if column.strip()]
    assert columns == ["json-memory / protobuf-memory", "1.00", "1.00", "undecided: 1 round"]
    assert "1 valid 1 void" in said
    assert "json-memory/round-2: it died" in said


def test_codec_table_has_a_row_for_each_shape_level_and_direction() -> None:
    console, text = printed()
    rows = [
        CodecRow(codec, level, "encode", "node", 12.5, 0.1, 2690)
        for codec in ("json", "protobuf")
        for level in ("wire", "typed")
    ]

    print_codecs(CodecResults("now", ENVIRONMENT, rows), console)

    assert text.getvalue().count("12.5 (2,690)") == 4


def test_progress_without_a_terminal_is_a_line_a_phase_and_one_every_five_seconds() -> None:
    text = io.StringIO()

    async def story() -> None:
        clock = VirtualClock()
        with Narrator(clock, Console(file=text, width=100)) as narrator:
            narrator.entitle("cell")
            for done in range(3):
                narrator.hear({"phase": "fill", "done": done, "total": 9})
            narrator.hear({"phase": "audit", "done": 0, "total": 1})
            narrator.hear({"note": "no profile of nodes"})
            narrator.hear({"status": "valid", "reasons": []})

    run_virtual(story())

    assert text.getvalue().splitlines() == [
        "cell: pods running 0/9",
        "cell: auditing",
        "no profile of nodes",
    ]


def test_kubeconfig_names_the_server_as_its_current_context() -> None:
    document = json.loads(kubeconfig("http://127.0.0.1:1"))

    assert document["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:1"
    assert document["current-context"] == document["contexts"][0]["name"]


def test_whatever_a_report_is_drawn_of_can_be_drawn_again() -> None:
    assert set(REPORTED) == set(RENDERERS)
