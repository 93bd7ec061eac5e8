"""A short soak; the long one is a program of its own, see `soak`."""

from pathlib import Path

import pytest

from imagetl_assets_tests.end_to_end.faults.soak import Options, soak


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_every_bundle_has_its_clip_although_a_worker_is_killed(tmp_path: Path) -> None:
    options = Options(bundles=8, at_a_time=2, kill_every=15, kills=1, minutes=15)
    report = soak(tmp_path, options)
    assert report.problems == []
    assert report.clips == 8
    assert report.killed == 1
    assert report.runs["SUCCESS"] >= 8
