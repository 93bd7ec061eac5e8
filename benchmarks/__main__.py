"""`python -m benchmarks`: measure, save the figures, and put them into the pages."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import machine, results
from benchmarks.bench import Bench, say
from benchmarks.comparisons import COMPARISONS
from benchmarks.contenders import ContenderFailed
from benchmarks.environments import CACHE
from benchmarks.report import comparison, headlines, publish
from testbed.processes import PROJECT

RESULTS = PROJECT / "benchmarks" / "results.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for; return the exit code."""
    options = _parser().parse_args(argv)
    path = options.results or (CACHE / "quick.json" if options.quick else RESULTS)
    kept = results.load(path)
    names = options.only or list(COMPARISONS)
    if options.rest:
        names = [name for name in names if name not in kept]
    code = 0
    for name in [] if options.report else names:
        say(f"{name}: {COMPARISONS[name].title}")
        # Both signals raise KeyboardInterrupt, so that all processes are stopped in order. This is
        # set for each comparison, because a Dagster run in this process sets its own handlers.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            kept[name] = _measured(name, options.rounds, quick=options.quick)
        except ContenderFailed as error:
            say(f"  {error}")
            code = 1
            continue
        except KeyboardInterrupt:
            say(f"  interrupted; {name} keeps the figures that it had")
            code = 130
            break
        results.save(path, kept)
        say(f"\n{comparison(kept[name])}\n")
    say(headlines(kept))
    say(f"\nThe figures are in {path}.")
    if path == RESULTS:
        publish(kept, PROJECT)
        say("The tables and plots of the pages were made from them.")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=list(COMPARISONS), help=", ".join(COMPARISONS)
    )
    parser.add_argument("--rest", action="store_true", help="those that have no figures yet")
    parser.add_argument("--rounds", type=int, default=5, help="fewer where one takes long")
    parser.add_argument(
        "--quick", action="store_true", help="small work, to see that all works; for no page"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing, show what there is")
    parser.add_argument("--results", type=Path, metavar="FILE", help="another file, for no page")
    return parser


def _measured(name: str, rounds: int, *, quick: bool) -> results.Measurement:
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    measurement = results.Measurement(name, date, machine.describe())
    with tempfile.TemporaryDirectory(prefix="imagetl-benchmarks-") as folder:
        bench = Bench(measurement, Path(folder), 1 if quick else rounds, quick)
        COMPARISONS[name].measure(bench)
    measurement.machine["load_after"] = machine.load_average()
    return measurement


if __name__ == "__main__":
    sys.exit(main())
