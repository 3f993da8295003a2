"""Tell the story of a seed, print the digest of its record: ``python -m tests.simulation.replay``.

With a second argument, the record itself goes to that file, to find where two tellings part.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests.simulation.story import tell_alone


def main(arguments: list[str]) -> None:
    record = tell_alone(int(arguments[0])).record()
    if arguments[1:]:
        Path(arguments[1]).write_bytes(record)
    sys.stdout.write(hashlib.sha256(record).hexdigest() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
