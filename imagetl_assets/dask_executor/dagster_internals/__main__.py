"""Tells which replacements are in use with the installed versions, and what has changed if not.

Run `python -m imagetl_assets.dask_executor.dagster_internals` after an upgrade of Dagster.
"""

from __future__ import annotations

import os
import sys

from dagster import DagsterInvariantViolationError

from imagetl_assets.dask_executor.dagster_internals.replacing import digest, why_left_out
from imagetl_assets.dask_executor.dagster_internals.table import TABLE


def main() -> int:
    """Print a line for each replacement, and the digests that are not known. Returns 1 if any."""
    try:
        return _tell()
    except DagsterInvariantViolationError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads any more, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _tell() -> int:
    for row in TABLE:
        print(f"{row.name:20} {why_left_out(row.name) or 'in use'}")
    unknown = {
        (target, found)
        for row in TABLE
        for target, digests in row.written_for.items()
        if (found := digest(target)) is not None and found not in digests
    }
    for target, found in sorted(unknown):
        print(f"  {target} has the digest {found}")
    sys.stdout.flush()
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
