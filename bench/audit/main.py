"""``python -m bench.audit.main``: list everything, hold it against a recording, say what differs.

Writes ``--out`` as {"label", "revision", "counts", "disagreements"}. Exit codes: 0 compared (look
at the disagreements), 1 could not compare.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from bench.audit.comparison import compare
from bench.audit.listing import PATHS, ListingError, list_all
from bench.audit.recording_file import Recording

logger = logging.getLogger(__name__)


def audit(server: str, recording: Recording) -> dict[str, object]:
    """Compare a server's lists with a recording. Raises ListingError."""
    revisions = {"pods": recording.revision}
    listings = {kind: list_all(server, kind, revisions.get(kind, "")) for kind in PATHS}
    return {
        "label": recording.label,
        "revision": max(listing.revision for listing in listings.values()),
        "counts": {kind: len(listing.items) for kind, listing in listings.items()},
        "disagreements": list(compare(recording, listings)),
    }


def main(argv: list[str] | None = None) -> int:
    """Audit as the command line says; return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    parser = argparse.ArgumentParser(prog="bench.audit", description=__doc__)
    parser.add_argument("--server", required=True, help="URL of the API server")
    parser.add_argument("--recording", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args(argv)
    try:
        found = audit(arguments.server, Recording.read(arguments.recording))
    except (ListingError, OSError, ValueError, KeyError):
        logger.exception("the audit was not made")
        return 1
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
