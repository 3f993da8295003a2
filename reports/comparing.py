"""A matrix and a codec table as their directories tell them: ``matrix.json``, ``codecs.json``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reports.errors import ReportError
from reports.model import RESULTS_FILE, Config, Environment, Run, Verdict
from reports.reading import read_versioned

MATRIX_FILE: Final = "matrix.json"
CODECS_FILE: Final = "codecs.json"
VOID: Final = "void"


@dataclass(frozen=True, slots=True)
class Metric:
    """How to read a metric."""

    title: str
    unit: str = ""
    higher_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a cell."""

    round: int
    directory: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over rounds with its interval; None bounds: too few rounds for one."""

    mean: float
    low: float | None = None
    high: float | None = None
    rounds: int = 0

    def scaled(self, factor: float) -> Interval:
        """Return it in another unit."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Interval(self.mean * factor, low, high, self.rounds)


@dataclass(frozen=True, slots=True)
class Cell:
    """A setting of every switch, measured once a round."""

    name: str
    codec: str
    store: str
    storage_codec: str = ""
    rounds: list[Round] = field(default_factory=list)
    summary: dict[str, Interval] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def counting(self) -> list[Round]:
        """Return the rounds that are not void."""
        return [item for item in self.rounds if item.verdict.status != VOID]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric in two cells that differ in one axis: ``numerator / denominator``."""

    axis: str
    metric: str
    numerator: str
    denominator: str
    ratio: float
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    decided: bool = False
    rounds_needed: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class MatrixResults:
    """``matrix.json``."""

    schema_version: int
    config: Config
    cells: list[Cell]
    matrix_id: str = ""
    started: str = ""
    duration_s: float | None = None
    complete: bool = True
    environment: Environment = field(default_factory=Environment)
    order: list[str] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    command: str = ""
    """The command line that made it, where it was not a matrix's."""

    @property
    def varied(self) -> dict[str, list[str]]:
        """Return the values of each setting in which cells differ."""
        found: dict[str, dict[str, None]] = {}
        for cell in self.cells:
            for name, value in cell.settings.items():
                found.setdefault(name, {})[value] = None
        return {name: list(values) for name, values in found.items() if len(values) > 1}

    def place(self, cell: Cell) -> str:
        """Return where a cell stands among those of its codec: its store, and what else varies."""
        values = ((name, cell.settings.get(name, "")) for name in self.varied)
        said = [f"{name.replace('_', '-')} {value}" for name, value in values if value]
        return ", ".join([cell.store, *said])

    def label(self, cell: Cell) -> str:
        """Return a cell's name for a figure: where switches vary, without what all cells share."""
        if not self.varied:
            return cell.name
        return f"{cell.codec}-{self.place(cell)}".replace(", ", "\n")

    @property
    def shared(self) -> Config:
        """Return the load that all cells share, without the settings in which they differ."""
        kept = {n: v for n, v in self.config.switches.items() if n not in self.varied}
        watch_write = "" if "watch_write" in self.varied else self.config.watch_write
        return replace(self.config, switches=kept, watch_write=watch_write)


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One microbenchmark of a codec."""

    codec: str
    level: str
    direction: str
    shape: str
    mean_us: float
    stdev_us: float | None = None
    encoded_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CodecResults:
    """``codecs.json``."""

    schema_version: int
    rows: list[CodecRow]
    started: str = ""
    environment: Environment = field(default_factory=Environment)
    fast: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix: its results, those of its runs that are there, and a codec table if there is one.

    ``runs`` maps a round's directory, as ``matrix.json`` names it, to the run.
    """

    directory: Path
    results: MatrixResults
    runs: dict[str, Run]
    codecs: CodecResults | None

    @classmethod
    def read(cls, directory: Path) -> Matrix:
        """Read a matrix' directory. Raises ReportError."""
        results = read_versioned(directory / MATRIX_FILE, MatrixResults)
        if not results.cells:
            raise ReportError(f"{directory / MATRIX_FILE}: cells is empty")
        runs = {}
        for cell in results.cells:
            for item in cell.rounds:
                if (directory / item.directory / RESULTS_FILE).is_file():
                    runs[item.directory] = Run.read(directory / item.directory)
        return cls(directory, results, runs, read_codecs(directory))

    def runs_of(self, cell: Cell) -> list[Run]:
        """Return the runs of a cell that count and are there, in the order of rounds."""
        return [self.runs[item.directory] for item in cell.counting if item.directory in self.runs]


def read_codecs(directory: Path) -> CodecResults | None:
    """Read the codec table of a directory, None if it has none. Raises ReportError."""
    path = directory / CODECS_FILE
    return read_versioned(path, CodecResults) if path.is_file() else None
