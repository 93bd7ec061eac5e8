"""The loop of a contender: it reads a URL, does the work, and prints the seconds that it took.

The contender and its Dask cluster stay alive between its turns. The original flow imports this
module, too, so it uses only the standard library of Python 3.8.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, ContextManager, Iterable  # noqa: UP035  # Python 3.8 needs it

Run = Callable[[str], None]


def set_files_aside() -> None:
    """Move the results of the last run out of the working folder."""
    set_aside(path for path in Path().iterdir() if path.is_file())


def set_aside(paths: Iterable[Path]) -> None:
    """Move files and folders to a folder beside the working folder, and empty the files.

    They are not deleted: whenever a file is created, ext4 looks at all files that were deleted in
    the last minutes, so that a run would be slower the more others had deleted.
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
    """Process each URL that is read from standard input; print the seconds, a line for each.

    What is stored is cleared away before, unless there is a + before the URL.

    If there is a URL on the command line, process that one only, once.
    """
    if len(sys.argv) > 1:
        with prepared() as run:
            run(sys.argv[1])
        return
    answers = os.fdopen(os.dup(1), "w", 1)
    os.dup2(2, 1)  # what a run and its workers print must not be taken for an answer
    with prepared() as run:
        for url in sys.stdin:
            if not url.startswith("+"):
                clear()
            started = time.perf_counter()
            run(url.strip().lstrip("+"))
            print(time.perf_counter() - started, file=answers)
