"""The command lines of deploy/README.md."""

from __future__ import annotations

import re

from testbed.processes import PROJECT

README = PROJECT / "deploy" / "README.md"


def commands(section: str) -> list[str]:
    """Return the indented lines of a section; all that is indented is a command."""
    _, _, rest = README.read_text().partition(f"\n## {section}\n")
    assert rest, section
    text = rest.partition("\n## ")[0]
    return [line.strip() for line in re.findall(r"^(?: {4}| {7})(\S.*)$", text, re.M)]


def sections() -> list[str]:
    """Return the titles of all sections."""
    return re.findall(r"^## (.*)$", README.read_text(), re.M)
