"""Interrupt `imagetl run` at many moments.

    python -m imagetl_assets_tests.end_to_end.interrupt_sweep

The tests in `cli/test_interrupts.py` try a few moments. This tries all, which takes half an hour,
so it is not part of the tests. Each signal comes at each moment, to the very first run of a new
DAGSTER_HOME and to one in a home that has had runs. Moments count from when the command catches
signals: before, Python itself starts, and may show a traceback. On a busy machine, give a later
last moment (`--until`), or none of them is in the run itself. It prints a line for each try that
was not as should be, then how many tries ended how, and exits with 1 if any was wrong:

- the exit code is 128 + the signal's number, or 0 if the run was over before;
- the last line says "interrupted", and there is no traceback;
- no process is left, no run that is not over, and of its results no claim but that of frames, from
  which a re-execution of the run goes on, and which the next run deletes;
- the next run of the same file in the same home works.

KILL leaves the command no time to say or tidy up anything, so only the last of these counts for it,
and that no process is left.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dagster import DagsterInstance

from imagetl_assets_tests.cli.test_interrupts import family, has_begun, start
from testbed.processes import wait_for

KINDS = ("INT", "TERM", "HUP", "KILL")
_PATIENCE_SECONDS = 60


def interrupted(folder: Path, kind: str, delay: float) -> tuple[str, list[str]]:
    """Interrupt a run; return how it ended, and all that was wrong."""
    process = start(folder)
    wait_for(lambda: has_begun(process), _PATIENCE_SECONDS)
    time.sleep(delay)
    number = signal.Signals[f"SIG{kind}"]
    if process.poll() is None:
        # Ctrl-C in a terminal reaches the whole group.
        (os.killpg if kind == "INT" else os.kill)(process.pid, number)
    try:
        out, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return "hung", ["did not end"]
    code = process.returncode
    ended = "over before" if code == 0 else kind
    return ended, [*_said(code, out, number), *_left(folder, process.pid, kind)]


def _said(code: int, out: str, number: signal.Signals) -> Iterator[str]:
    if number is signal.SIGKILL:
        return
    if code not in (0, 128 + number):
        yield f"exit code {code}"
    if code != 0 and not out.endswith("imagetl: interrupted\n"):
        yield f"said {out[-200:]!r}"
    if "Traceback" in out:
        yield f"traceback: {out[-2000:]}"


def _left(folder: Path, session: int, kind: str) -> Iterator[str]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left := family(session):
        if time.monotonic() > deadline:
            yield f"processes left: {left}"
            os.killpg(session, signal.SIGKILL)
            break
        time.sleep(0.05)
    if kind == "KILL":
        return
    for claim in folder.glob("storage/*/.imagetl/work/*"):
        if not claim.name.startswith("frames."):
            yield f"left {claim.relative_to(folder)}"
    if (folder / "home" / "history").exists():
        with DagsterInstance.from_config(str(folder / "home")) as instance:
            yield from (f"run {r.status}" for r in instance.get_runs() if not r.is_finished)


def next_run(folder: Path) -> Iterator[str]:
    """Run the same file in the same home; yield what was wrong."""
    process = start(folder)
    out, _ = process.communicate(timeout=240)
    if process.returncode != 0:
        yield f"next run: exit code {process.returncode}: {out[-2000:]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Interrupt `imagetl run` at many moments.")
    parser.add_argument("--until", type=float, default=5.0, help="the last moment, in seconds")
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two moments")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    # What a shell has started in the background ignores SIGINT, and so would the commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    moments = [i * options.every for i in range(int(options.until / options.every))]
    counts: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="imagetl-sweep-") as name:
        used = Path(name, "used")
        used.mkdir()
        problems = list(next_run(used))
        assert not problems, problems
        for kind in options.kinds:
            for moment in moments:
                fresh = Path(name, "fresh")
                fresh.mkdir()
                for folder in (fresh, used):
                    ended, problems = interrupted(folder, kind, moment)
                    if folder is fresh or kind == "KILL" or problems:
                        problems += next_run(folder)
                    counts[f"{folder.name}: {ended}"] += 1
                    wrong += bool(problems)
                    for problem in problems:
                        print(f"{kind} at {moment:.2f} s, {folder.name}: {problem}", flush=True)
                shutil.rmtree(fresh)
            problems = list(next_run(used))
            wrong += bool(problems)
            print(*problems, sep="\n", end="", flush=True)
    print(f"{counts.total()} tries, {wrong} wrong:", dict(counts))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
