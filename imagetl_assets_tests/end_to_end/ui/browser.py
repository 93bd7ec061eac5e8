"""The Dagster UI in a real browser: what a person does there, as methods."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from playwright.sync_api import Locator, Page, Response, TimeoutError, expect, sync_playwright

CHROMIUM = shutil.which("chromium")

_LOCATION = "__repository__@imagetl_assets.definitions"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RUN_MS = 120_000
_ASSETS = 6  # that "Materialize all" makes
expect.set_options(timeout=60_000)  # of a page on a busy machine


def _is_mutation(response: Response) -> bool:
    return "mutation" in (response.request.post_data or "")


@dataclass
class Ui:
    """The UI at `url`, in a page of the browser."""

    page: Page
    url: str

    def open_graph(self) -> None:
        """Show the group's four assets."""
        self.page.goto(f"{self.url}/locations/{_LOCATION}/asset-groups/images/lineage")
        expect(self.page.get_by_text("clip_gif").first).to_be_visible()

    def add_partition_and_materialize(self, name: str) -> None:
        """Go through the dialog of the graph's button."""
        page = self.page
        page.get_by_role("button", name="Materialize all").click()
        page.get_by_text("Add a partition").click()
        page.get_by_placeholder("name").fill(name)
        page.get_by_role("button", name="Save").click()
        launch = page.get_by_role("button", name="Launch 1 run")
        try:
            launch.click(timeout=5_000)
        except TimeoutError:  # an answer that came late made the dialog forget its selection
            page.get_by_text("Select a partition or create one").click()
            page.get_by_text(name).first.click()
            page.get_by_text("Partition selection").click()  # closes the menu
            launch.click()
        expect(page.get_by_text("Launch runs to materialize")).to_be_hidden()

    def open_run_of(self, name: str) -> None:
        """Open the newest run of a partition, once there is one."""
        self.page.goto(f"{self.url}/runs?q[]=tag:dagster/partition={name}")
        self.page.locator("a[href^='/runs/']").first.click(timeout=RUN_MS)
        expect(self.page.get_by_text(f"partition: {name}").first).to_be_visible()

    def expect_status(self, status: str) -> None:
        """Wait until the open run has this status."""
        expect(self.page.get_by_text(status, exact=True).first).to_be_visible(timeout=RUN_MS)

    def open_run(self, run_id: str) -> None:
        """Open a run."""
        self.page.goto(f"{self.url}/runs/{run_id}")

    def materialize_all_partitions(self) -> None:
        """Launch a backfill of all files from the open graph, and open its page."""
        self.page.get_by_role("button", name="Materialize all").click()
        self.page.get_by_role("button", name="All", exact=True).click()
        self.page.get_by_role("button", name="Launch backfill").click()
        expect(self.page.get_by_text("Launch runs to materialize")).to_be_hidden()
        self.open_newest_backfill()

    def open_newest_backfill(self) -> None:
        """Open the page of the newest backfill."""
        self.page.goto(f"{self.url}/runs?view=backfills")
        self.page.locator("a[href^='/runs/b/']").first.click()
        expect(self.page.get_by_text("Partition selection")).to_be_visible()

    def expect_backfill_to_end(self) -> None:
        """Wait until each asset of the open backfill is done, well or not."""
        ended = self.page.get_by_text("100% completed")
        expect(ended).to_have_count(_ASSETS, timeout=RUN_MS)

    def reexecute_from_failure(self) -> None:
        """Choose it in the menu of the open backfill, and wait until there is another one."""
        before = self.page.url.removeprefix(self.url)
        self.page.locator("button:has([aria-label='expand_more'])").first.click()
        with self.page.expect_response(_is_mutation):
            self.page.get_by_role("menuitem", name="Re-execute from failure").click()
        self.page.goto(f"{self.url}/runs?view=backfills")
        newest = self.page.locator("a[href^='/runs/b/']").first
        expect(newest).not_to_have_attribute("href", re.compile(before))

    def failed_reason(self, asset: str, name: str) -> str:
        """Return what is told of a failed partition."""
        self.open_partition(asset, name)
        self.page.get_by_text("View all historical events").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text(name, exact=True).first.click()
        row = dialog.get_by_role("row").filter(has_text="failed").last
        expect(row).to_be_visible()
        return row.inner_text()

    def launch(self, job: str, config: str) -> None:
        """Launch a job with a run config from its launchpad; its run is open then."""
        self.page.goto(f"{self.url}/locations/imagetl_assets.definitions/jobs/{job}/playground")
        self.page.locator(".CodeMirror").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(config)
        self.page.get_by_role("button", name="Launch Run").click()

    def terminate(self) -> None:
        """Terminate the open run."""
        self.page.get_by_role("button", name="Terminate").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Terminate").click()
        self.page.get_by_role("button", name="Done").click()

    def open_preview(self, name: str) -> Locator:
        """Show the preview of a partition's clip; return the picture."""
        return self.open_markdown("clip_gif", name, "clip")

    def open_markdown(self, asset: str, name: str, picture: str) -> Locator:
        """Show the first Markdown in the metadata of a partition; return the picture in it."""
        self.open_partition(asset, name)
        self.page.get_by_text("Show Markdown").first.click()
        found = self.page.get_by_role("dialog").get_by_role("img", name=picture)
        expect(found).to_be_visible()
        return found

    def open_partition(self, asset: str, name: str) -> None:
        """Show the latest materialization of a partition."""
        self.page.goto(f"{self.url}/assets/{asset}?view=partitions&partition={name}")


@contextmanager
def browser(url: str) -> Iterator[Ui]:
    """Open a browser; it is closed with the block."""
    # Or the UI covers itself with a dialog, some time after the first visit.
    query = {"query": "mutation { setNuxSeen }"}
    requests.post(f"{url}/graphql", json=query, timeout=30).raise_for_status()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(60_000)
            yield Ui(page, url)
        finally:
            chromium.close()
