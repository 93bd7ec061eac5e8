"""What messages say, and what they do not."""

from __future__ import annotations

from dagster import in_process_executor

from imagetl_assets.automation.notifications import notifications
from imagetl_assets.definitions import define
from imagetl_assets.redact import redact_text
from imagetl_assets.settings import AutomationSettings


def test_without_urls_nobody_is_told() -> None:
    assert notifications(AutomationSettings()) == []
    names = {s.name for s in define("storage", "upstream", in_process_executor).sensors or []}
    assert names == {"new_upstream_files", "keep_up_to_date"}


def test_urls_are_not_shown() -> None:
    assert "s3cret" not in repr(AutomationSettings(notify_urls="json://user:s3cret@host"))


def test_text_is_without_secrets() -> None:
    text = (
        "cannot reach https://me:s3cret@example.org/a.img?sig=s3cret#s3cret, "
        "s3://s3cret:s3cret@bucket/b.img or /a.img?X-Amz-Signature=s3cret (refused)"
    )
    assert "s3cret" not in redact_text(text)
    assert "https://example.org/a.img?***" in redact_text(text)
    assert redact_text("what? a=b") == "what? a=b"
