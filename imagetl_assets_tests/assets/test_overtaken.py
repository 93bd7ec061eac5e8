"""What a run says that finds the results of a newer one, or of one that seems to be newer."""

from __future__ import annotations

import re
import time

from imagetl_assets.removal import remove_file
from imagetl_assets.storage import open_store
from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def start_later(pipeline: Pipeline, seconds: float) -> None:
    """Have records tell that the run which has stored them started later than it did."""
    for record in pipeline.file(".imagetl").glob("*.json"):
        record.write_text(
            re.sub(
                r"\.(\d{16})-",
                lambda match: f".{int(match[1]) + int(seconds * 1_000_000):016d}-",
                record.read_text(),
            )
        )


def test_a_run_from_the_future_is_named_and_so_is_the_way_out(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """It is what a clock looks like that was set back, or that differs from another host's."""
    server.add_file("/all-images.img", bundles.small_bundle())
    assert pipeline.run().success
    hour = time.strftime("%Y-%m-%d %H:", time.gmtime(time.time() + 7200))
    start_later(pipeline, 7200)
    told = pipeline.run().failure
    assert f"started at {hour}" in told
    assert "in the future" in told
    assert "imagetl remove" in told
    assert "or what this run has written was removed" not in told
    assert remove_file(pipeline.instance, open_store(str(pipeline.root)), "all-images.img")
    assert pipeline.run().success
