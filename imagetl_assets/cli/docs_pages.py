"""The project's documentation as web pages: what `imagetl dev` shows, and assets link to.

The pages are Markdown files. They are there if the project is installed from its folder
(`pip install -e .`); a package has none.
"""

from __future__ import annotations

import os
import re
from html import escape
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

_PROJECT = Path(__file__).parents[2]
_PICTURES = {".gif", ".png", ".svg"}
# Where pages are, besides those in the project's folder itself.
_FOLDERS = {"docs", "deploy", "imagetl_assets"}
# Other files that pages link to; they are shown as text.
_TEXTS = {
    "dagster.yaml",
    "deploy/Dockerfile",
    "deploy/env.example",
    "deploy/imagetl@.service",
    "deploy/kubernetes/imagetl.yaml",
    "examples/image_etl.ipynb",
}
_HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }}
code, pre {{ background: #f3f4f6; font: 14px/1.5 monospace }}
pre {{ overflow-x: auto; padding: 0.7em 1em }}
table {{ border-collapse: collapse }}
td, th {{ border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left; vertical-align: top }}
img {{ max-width: 100% }}
</style>
<body>
{body}
"""


def docs_folder(project: Path = _PROJECT) -> Path | None:
    """Return the folder of the pages, or None if they are not here.

    Beside an installed package, a folder of this name is another package's.
    """
    folder, settings = project / "docs", project / "pyproject.toml"
    return folder if (folder / "README.md").is_file() and settings.is_file() else None


def docs_app(project: Path = _PROJECT) -> Any:
    """Return an ASGI app that shows pages and their pictures, by their paths in the project."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, Response
    from starlette.routing import Route

    async def show(request: Request) -> Response:
        path = request.path_params["path"]
        if not _is_shown(path) or not os.path.isfile(project / path):  # False for a name too long
            raise HTTPException(404)
        if path.endswith(".md"):
            page = await run_in_threadpool(_as_html, project / path)
            return HTMLResponse(page, headers=_HEADERS)
        kind = "text/plain" if path in _TEXTS else None  # else what its name says
        return FileResponse(project / path, headers=_HEADERS, media_type=kind)

    return Starlette(routes=[Route("/{path:path}", show)])


def _is_shown(path: str) -> bool:
    """Return whether this is the path of a page, or of what pages show or link to."""
    if path in _TEXTS:
        return True
    name = PurePosixPath(path)
    is_here = len(name.parts) < 2 or name.parts[0] in _FOLDERS
    return is_here and ".." not in name.parts and name.suffix in {".md", *_PICTURES}


def _as_html(page: Path) -> str:
    from markdown_it import MarkdownIt

    # Comments are left out; any other markup in a page is shown as text.
    text = re.sub("<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(following.content))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return _PAGE.format(title=escape(page.name), body=body)


def _anchor(heading: str) -> str:
    """Return what links call a heading, as code forges do.

    >>> _anchor("... use `dg`")
    '-use-dg'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
