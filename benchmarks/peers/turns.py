"""How a contender is asked for one run after the other: a URL in, the seconds that it took out.

It stays up between its turns, and so does its Dask cluster. Only the standard library, and nothing
that Python 3.8 does not know: the original flow imports it too.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, ContextManager, Iterable  # noqa: UP035  # which Python 3.8 asks for

Run = Callable[[str], None]


def set_files_aside() -> None:
    """Set aside what the last run has left in the working folder."""
    set_aside(path for path in Path().iterdir() if path.is_file())


def set_aside(paths: Iterable[Path]) -> None:
    """Move files and folders to a folder beside the working folder, and empty the files.

    They are not deleted: for each file that is made, ext4 looks at all that were deleted in the
    minutes before, so that the time of a run would tell how much others had deleted.
    """
    here = Path.cwd()
    aside = Path(tempfile.mkdtemp(prefix=f"{here.name}-", dir=here.parent))
    for path in paths:
        path.rename(aside / path.name)
    for path in aside.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def take_turns(
    prepared: Callable[[], ContextManager[Run]], clear: Callable[[], None] = set_files_aside
) -> None:
    """Run for each URL that comes in on standard input; answer with the seconds, a line each.

    A URL given on the command line is run instead, once.
    """
    if len(sys.argv) > 1:
        with prepared() as run:
            run(sys.argv[1])
        return
    answers = os.fdopen(os.dup(1), "w", 1)
    os.dup2(2, 1)  # what a run and its workers print is no answer
    with prepared() as run:
        for url in sys.stdin:
            clear()
            started = time.perf_counter()
            run(url.strip())
            print(time.perf_counter() - started, file=answers)
