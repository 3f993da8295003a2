"""``python -m bench.tied PID PROGRAM ...``: become a program that ends when process PID is gone.

Our own processes watch their parent (``--parent``); a foreign one would outlive a parent that was
killed. The kernel sends it SIGTERM then; process id and file descriptors stay what they were.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main(argv: list[str]) -> int:
    """Replace this process; return an exit code only where that cannot be done."""
    parent, *command = argv
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        sys.stderr.write(f"prctl: {os.strerror(ctypes.get_errno())}\n")
        return 1
    if os.getppid() != int(parent):  # it went before the signal was asked for
        return 1
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
