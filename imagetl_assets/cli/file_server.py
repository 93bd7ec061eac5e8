"""Serves stored results and the documentation to the browser.

A page of the UI may show a link to a file of this machine (`file://`), but no browser follows it.
So `imagetl dev` serves the folder of the storage, and the UI links to that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

from imagetl_assets.cli.docs_pages import docs_app, docs_folder

DOCS_PATH = "/.docs"
"""Where the documentation is. No hidden file of the storage is served, so nothing else is there."""

_PATIENCE_SECONDS = 5
# Results are made of files of strangers: nothing in them may run, or be taken for something else.
_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'",
    "x-content-type-options": "nosniff",
}


@contextmanager
def file_server(folder: Path | None, host: str, port: int) -> Iterator[None]:
    """Serve the files of a folder, but none that is hidden, from a thread of this process.

    Links that lead out of the folder are not followed. The folder need not be there yet; without
    one, only the documentation is served. A package that was installed has no documentation.
    """
    import uvicorn

    config = uvicorn.Config(_app(folder), host, port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)


def _app(folder: Path | None) -> Any:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import Response
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    class Results(StaticFiles):
        async def check_config(self) -> None:
            """Let the folder be missing: nothing is found in it then."""

        async def get_response(self, path: str, scope: Any) -> Response:
            if any(part.startswith(".") for part in PurePosixPath(path).parts):
                raise HTTPException(404)
            response = await super().get_response(path, scope)
            response.headers.update(_HEADERS)
            return response

    routes = [Mount(DOCS_PATH, docs_app())] if docs_folder() else []
    if folder is not None:
        routes.append(Mount("/", Results(directory=folder, check_dir=False)))
    return Starlette(routes=routes)
