"""Stands in for a process of the plane: ``fake_process.py MODULE [arguments]``.

What it does is told by a file ``script.json`` beside the statistics: {process: behaviour}, where a
behaviour is ``serve`` (ready, ends on SIGTERM), ``silent`` (never ready), ``crash`` (ends at once),
``babble`` (says something else), ``deaf`` (ignores SIGTERM), ``die`` (ready, then ends by itself).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Behave as the script says."""
    name = sys.argv[1].rpartition(".")[2]
    arguments = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
    stats = Path(arguments["--stats"])
    script = json.loads((stats.parent.parent / "script.json").read_text(encoding="utf-8"))
    behaviour = script.get(name, "serve")
    sys.stderr.write(f"{name} is told to {behaviour}: {json.dumps(arguments)}\n")
    sys.stderr.flush()

    def write_statistics(*_: object) -> None:
        part = stats.with_suffix(".part")
        part.write_text(json.dumps({"counters": {"told": 1.0}}), encoding="utf-8")
        part.replace(stats)

    def end(*_: object) -> None:
        write_statistics()
        sys.exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "deaf" else end)
    signal.signal(signal.SIGUSR1, write_statistics)
    if behaviour == "crash":
        sys.exit("it broke")
    if behaviour == "babble":
        sys.stdout.write("hello\n")
    elif behaviour != "silent":
        line = {"ready": True, "pid": os.getpid(), "url": "http://127.0.0.1:1"}
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    if behaviour == "die":
        sys.exit(3)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
