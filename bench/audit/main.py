"""``python -m bench.audit.main``: list everything, hold it against a recording, say what differs.

Writes ``--out`` as {"label", "revision", "counts", "disagreements", "stored_pods", "servers",
"memory_max_mib"}. Pods are listed twice: whole, which a watch cache answers, and page by page as of
that list's revision, which the store does; ``stored_pods`` is null where nothing else was written
since, so that the cache could answer both. Where several API servers are named, the recording is
held against the first one, and the others against that.

With ``--no-old-revisions`` the store declares that it keeps none. Everything is then listed as it
is now: ``stored_pods`` is null; of a recording that others go on changing, the pods that changed
since are left out; and of several API servers, what differs is what did so in each attempt.

Exit codes: 0 compared (look at the disagreements), 1 could not compare.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.audit.comparison import Lists, compare
from bench.audit.listing import PATHS, GoneError, Item, ListingError, Stream
from bench.audit.recording_file import Recording
from bench.audit.servers import compare_servers

PAGE: Final = 5000
"""Events and pods a page: some 12 MB of JSON."""
ATTEMPTS: Final = 3
"""Compaction may take a revision away between two pages; then pods are listed anew."""

logger = logging.getLogger(__name__)


def audit(
    server: str, recording: Recording, others: Sequence[str] = (), *, old_revisions: bool = True
) -> dict[str, object]:
    """Compare a server's lists with a recording, and others' with it. Raises ListingError."""
    counts: dict[str, int] = {}
    revisions: list[int] = []

    def whole(kind: str, exact: str = "") -> list[Item]:
        stream = Stream(server, kind, exact=exact)
        items = list(stream.items())
        counts[kind] = stream.count
        revisions.append(stream.revision)
        return items

    objects = {kind: whole(kind) for kind in ("namespaces", "nodes", "controllers")}
    seen = set(recording.pods_seen)
    events = Stream(server, "events", limit=PAGE, inconsistent=True)
    strange = [item.name for item in events.items() if item.about and item.about not in seen]
    counts["events"] = events.count
    stored = None
    if not old_revisions:
        objects["pods"] = whole("pods")
        recording, objects["pods"] = _unchanged(recording, objects["pods"])
    for left in reversed(range(ATTEMPTS if old_revisions else 0)):
        objects["pods"] = whole("pods", recording.revision)
        try:
            # As of a revision that is no longer the newest: answered from the store.
            stored = None if recording.revision else _stored(server, str(revisions[-1]))
        except GoneError:
            if not left:
                raise
        else:
            break
    revisions.append(events.revision)
    return {
        "label": recording.label,
        "revision": max(revisions),
        "counts": {kind: counts[kind] for kind in PATHS},
        "disagreements": [
            *compare(recording, Lists(objects, strange, stored)),
            *compare_servers(server, others, old_revisions=old_revisions),
        ],
        "servers": 1 + len(others),
        "stored_pods": None if stored is None else len(stored),
        "memory_max_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _unchanged(recording: Recording, pods: list[Item]) -> tuple[Recording, list[Item]]:
    """Leave out of both the pods that have changed since the recording, where some may have."""
    if not recording.revision:
        return recording, pods
    newest = int(recording.revision)
    since = {item.uid for item in pods if int(item.version) > newest}
    recorded = {uid: pod for uid, pod in recording.pods.items() if uid not in since}
    left = [item for item in pods if item.uid not in since]
    return replace(recording, pods=recorded, running=False), left


def _stored(server: str, revision: str) -> dict[str, str] | None:
    """Return the pods' versions as of a revision; None while it is still the newest."""
    newest = Stream(server, "namespaces")
    list(newest.items())
    if newest.revision <= int(revision):
        return None
    pods = Stream(server, "pods", exact=revision, limit=PAGE)
    return {item.uid: item.version for item in pods.items()}


def main(argv: list[str] | None = None) -> int:
    """Audit as the command line says; return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    parser = argparse.ArgumentParser(prog="bench.audit", description=__doc__)
    parser.add_argument(
        "--server",
        required=True,
        action="append",
        help="URL of the API server; others of the same store are held against the first",
    )
    parser.add_argument(
        "--no-old-revisions", action="store_true", help="the store declares that it keeps none"
    )
    parser.add_argument("--recording", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args(argv)
    try:
        first, *others = arguments.server
        recording, kept = Recording.read(arguments.recording), not arguments.no_old_revisions
        found = audit(first, recording, others, old_revisions=kept)
    except (ListingError, OSError, ValueError, KeyError):
        logger.exception("the audit was not made")
        return 1
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
