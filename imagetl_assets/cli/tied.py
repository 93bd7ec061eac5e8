"""`python -m imagetl_assets.cli.tied COMMAND ...` runs a command until standard input ends.

The process that starts it keeps the other end of standard input open. If that process dies in any
way, the input ends, and the command and all processes that it has started are stopped. This process
has to be the first one of its session.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

# So long the command may take to stop by itself.
_PATIENCE_SECONDS = 3


def main(command: list[str]) -> int:
    """Run the command; return its exit code."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    stopping = threading.Event()
    threading.Thread(target=_stop_at_the_end, args=(process, stopping), daemon=True).start()
    code = process.wait()
    if stopping.is_set():
        _kill_what_is_left()
    return code


def _stop_at_the_end(process: subprocess.Popen[bytes], stopping: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stopping.set()
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_what_is_left()


def _kill_what_is_left() -> None:
    """Kill all processes of the session, this one among them."""
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
