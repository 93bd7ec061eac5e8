"""What a person does in the UI, in a real browser against a real `imagetl dev`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from imagetl_assets.sample import sample_bytes
from imagetl_assets_tests.end_to_end.ui.browser import CHROMIUM, RUN_MS, Ui, browser
from testbed import bundles, http_server
from testbed.imagetl_dev import Dev, running
from testbed.processes import PROJECT, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with running(tmp_path_factory.mktemp("dev")) as dev:
        yield dev


@pytest.fixture(scope="module")
def ui(dev: Dev) -> Iterator[Ui]:
    with browser(dev.dagster) as ui:
        yield ui


def test_the_graph_shows_four_assets_in_a_row(ui: Ui) -> None:
    ui.open_graph()
    places = []
    for name in ("raw_data_file", "frames", "frame_files", "clip_gif"):
        node = ui.page.get_by_text(name, exact=True).last
        expect(node).to_be_visible()
        box = node.bounding_box()
        assert box is not None
        places.append(box)
    assert [place["x"] for place in places] == sorted(place["x"] for place in places)
    heights = [place["y"] for place in places]
    assert max(heights) - min(heights) < 20  # the optional clips stand beside clip_gif
    for kind in ("file", "gif", "dask"):
        expect(ui.page.get_by_text(kind).first).to_be_visible()


def test_a_description_is_where_people_look(ui: Ui) -> None:
    ui.page.goto(f"{ui.url}/assets/clip_gif?view=overview")
    expect(ui.page.get_by_text("The animation of all frames").first).to_be_visible()
    link = ui.page.get_by_role("row").filter(has_text="documentation").get_by_role("link").first
    with ui.page.expect_popup() as popup:
        link.click()
    expect(popup.value.get_by_role("heading", name="Pictures", exact=True)).to_be_visible()
    popup.value.close()


def test_add_a_partition_materialize_it_and_see_the_clip(ui: Ui, dev: Dev) -> None:
    dev.drop("by-hand.bundle", sample_bytes(12))  # a name that the sensor leaves alone
    ui.open_graph()
    ui.add_partition_and_materialize("by-hand.bundle")
    ui.open_run_of("by-hand.bundle")
    ui.expect_status("Success")
    expect(ui.page.get_by_text("6 assets").first).to_be_visible()
    picture = ui.open_preview("by-hand.bundle")
    assert picture.evaluate("image => image.naturalWidth") > 0
    shots = set()
    for _ in range(5):
        shots.add(picture.screenshot())
        time.sleep(0.15)
    assert len(shots) > 1  # it plays
    clip = (dev.storage / "by-hand.bundle" / "clip.gif").read_bytes()
    assert len(bundles.pixels(clip)) == 12
    link = ui.page.locator("a[href$='/by-hand.bundle/clip.gif']").first.get_attribute("href")
    assert link is not None
    assert requests.get(link, timeout=10).content == clip
    sheet = ui.open_markdown("frame_files", "by-hand.bundle", "some frames")
    assert sheet.evaluate("image => image.naturalWidth") > 0
    ui.open_partition("frames", "by-hand.bundle")
    expect(ui.page.get_by_role("cell", name="offset").first).to_be_visible()


def test_a_dropped_file_is_run_by_the_sensor(ui: Ui, dev: Dev) -> None:
    dev.drop("dropped.img", bundles.small_bundle(3))
    ui.open_run_of("dropped.img")
    ui.expect_status("Success")
    expect(ui.page.get_by_text("new_upstream_files").first).to_be_visible()
    assert len(bundles.pixels((dev.storage / "dropped.img" / "clip.gif").read_bytes())) == 3


def test_bad_files_of_a_backfill_are_told_and_run_again(ui: Ui, dev: Dev) -> None:
    for name, body in (("bad", b"no images at all"), ("good", bundles.small_bundle(3))):
        dev.drop(f"{name}.bundle", body)
        add_partition(dev, f"{name}.bundle")
    ui.open_graph()
    ui.materialize_all_partitions()
    ui.expect_backfill_to_end()
    assert "is not a bundle of images" in ui.failed_reason("raw_data_file", "bad.bundle")
    dev.drop("bad.bundle", bundles.small_bundle(4))
    ui.open_newest_backfill()
    ui.reexecute_from_failure()
    clip = dev.storage / "bad.bundle" / "clip.gif"
    wait_for(clip.exists, RUN_MS / 1000)
    assert len(bundles.pixels(clip.read_bytes())) == 4


def test_a_file_is_removed(ui: Ui, dev: Dev) -> None:
    config = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs" / "ui.md").read_text(), re.S)[-1]
    ui.launch("remove_upstream_file", config.replace("pictures.bundle", "by-hand.bundle"))
    ui.expect_status("Success")
    assert not (dev.storage / "by-hand.bundle").exists()
    ui.page.goto(f"{ui.url}/assets/clip_gif?view=partitions")
    expect(ui.page.get_by_text("dropped.img").first).to_be_visible()
    expect(ui.page.get_by_text("by-hand.bundle")).to_have_count(0)


def test_terminate_a_long_run(ui: Ui, dev: Dev) -> None:
    with http_server.serve() as server:
        url = server.add("/long", http_server.slow(120, bundles.small_bundle()))
        ui.open_run(_launch(dev, "long.bundle", url))
        ui.expect_status("Started")
        ui.terminate()
        ui.expect_status("Canceled")
    assert not (dev.storage / "long.bundle" / "clip.gif").exists()


def add_partition(dev: Dev, name: str) -> None:
    mutation = """mutation ($name: String!) {
        addDynamicPartition(
            partitionKey: $name, partitionsDefName: "upstream_files", repositorySelector: {
                repositoryName: "__repository__",
                repositoryLocationName: "imagetl_assets.definitions"
            }
        ) { __typename }
    }"""
    body = {"query": mutation, "variables": {"name": name}}
    requests.post(f"{dev.dagster}/graphql", json=body, timeout=60).raise_for_status()


def _launch(dev: Dev, partition: str, url: str) -> str:
    """Start a run of the job, as the launchpad does; return its id."""
    mutation = """mutation ($params: ExecutionParams!) {
        launchPipelineExecution(executionParams: $params) {
            ... on LaunchRunSuccess { run { runId } }
        }
    }"""
    params = {
        "selector": {
            "repositoryLocationName": "imagetl_assets.definitions",
            "repositoryName": "__repository__",
            "pipelineName": "image_etl",
        },
        "mode": "default",
        "runConfigData": {"ops": {"raw_data_file": {"config": {"url": url}}}},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
    }
    body = {"query": mutation, "variables": {"params": params}}
    answer = requests.post(f"{dev.dagster}/graphql", json=body, timeout=60).json()
    return str(answer["data"]["launchPipelineExecution"]["run"]["runId"])
