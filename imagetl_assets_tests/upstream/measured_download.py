"""`python -m` this, and give it URLs, one a line: it prints by how many bytes each lets it grow.

Each download has a process of its own, forked from this one, which has imported all that it needs.
A line may end with `hold`: then the process keeps what it reads.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from imagetl_assets.upstream import Known, Limits, UpstreamError, open_upstream
from testbed import raw_server

STATUS = Path("/proc/self/status")
LIMITS = Limits(connect=1, read=1, max_bytes=40_000_000)


def peak() -> int:
    """Return the most memory that this process has had so far, in bytes."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), re.M)
    assert match is not None
    return int(match[1]) * 1024


def download(url: str, held: list[bytes] | None = None) -> None:
    """Read a file to its end, or until it is given up; keep what was read in `held`."""
    with suppress(UpstreamError), open_upstream(url, Known(), LIMITS) as file:
        assert file is not None
        for block in file.blocks:
            if held is not None:
                held.append(block)


def main() -> None:
    """Measure, after a harmless download that imports what every download needs."""
    body = gzip.compress(b"GIF89a")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server.serve(raw_server.sending(head, body)) as harmless:
        download(harmless)
    for line in sys.stdin:
        url, *how = line.split()
        pid = os.fork()
        if not pid:
            measure(url, how)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            print(f"the process has ended with {status}", flush=True)


def measure(url: str, how: list[str]) -> None:
    """Print by how many bytes a download lets this process grow."""
    before = peak()
    download(url, [] if "hold" in how else None)
    print(peak() - before, flush=True)


if __name__ == "__main__":
    main()
