"""No answer of any server becomes a stored file that is not the server's whole file.

The default run tries some hundreds; `pytest -m fuzz` tries thousands.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagetl_assets.assets.download import Download, OnExisting
from imagetl_assets.storage import StoreError, open_store
from imagetl_assets.storage.claims import turn_of_run
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.upstream import Limits, UpstreamError
from imagetl_assets_tests.upstream.hostile import Answer, answers
from testbed import bundles, raw_server

FILES = st.integers(1, 4).map(bundles.small_bundle) | st.binary(max_size=40).map(
    lambda tail: b"GIF89a" + tail
)
LIMITS = Limits(connect=2, read=2, max_bytes=1_000_000)
fuzzed = given(answers(FILES))
lenient = settings(deadline=None, suppress_health_check=list(HealthCheck))


class Target:
    """A server whose answer is exchanged, and a folder to download to."""

    def __init__(self, root: Path) -> None:
        self.folder = PartitionFolder(open_store(str(root)), "a.img")
        self.path = root / "a.img" / "image-data.img"
        self.answer: Answer | None = None
        self.url = ""

    def download(self, answer: Answer) -> bytes | None:
        """Return what was stored of an answer, or None."""
        self.answer = answer
        self.path.unlink(missing_ok=True)
        order = Download(
            self.url, "image-data.img", OnExisting.redownload, LIMITS, refuse_private=False
        )
        with suppress(UpstreamError, StoreError):
            order.obtain(self.folder, turn_of_run(time.time(), "run"))
            return self.path.read_bytes()
        assert not self.path.exists()
        return None


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as root:
        target = Target(Path(root))

        def handle(connection: object, request: bytes) -> None:
            assert target.answer is not None
            target.answer.handle(connection, request)  # type: ignore[arg-type]

        with raw_server.serve(handle) as target.url:
            yield target


def check(target: Target, answer: Answer) -> None:
    stored = target.download(answer)
    if stored is not None and answer.can_be_told():
        assert stored == answer.file


@settings(lenient, max_examples=300)
@fuzzed
def test_no_answer_becomes_another_file(target: Target, answer: Answer) -> None:
    check(target, answer)


@pytest.mark.fuzz
@settings(lenient, max_examples=10_000)
@fuzzed
def test_no_answer_of_thousands_becomes_another_file(target: Target, answer: Answer) -> None:
    check(target, answer)


@settings(lenient, max_examples=100)
@given(FILES, st.sampled_from(["", "gzip", "deflate", "br", "zstd", "gzip, br"]), st.booleans())
def test_answers_without_a_fault_are_taken(
    target: Target, file: bytes, encoding: str, chunked: bool
) -> None:
    framing = "chunked" if chunked else "length"
    answer = Answer(file, 200, encoding, framing, 0, 50, (), None, slow=False)
    assert target.download(answer) == file


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd", "deflate"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_cut_at_any_byte_of_the_body(target: Target, encoding: str, framing: str) -> None:
    file = bundles.small_bundle(2)
    whole = Answer(file, 200, encoding, framing, 0, 50, (), None, slow=False)
    data = whole.data()
    for at in range(data.index(b"\r\n\r\n") + 4, len(data)):
        cut = Answer(file, 200, encoding, framing, 0, 50, (), ("cut", at / len(data)), slow=False)
        assert len(cut.sent()) in (at, at - 1)  # by the rounding of a fraction
        if cut.can_be_told():
            assert target.download(cut) is None
