"""Addresses that are refused, and secrets that go nowhere."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from imagetl_assets.upstream import Known, Limits, PermanentError, open_upstream
from imagetl_assets.upstream.private import is_public
from testbed import bundles
from testbed.http_server import HttpServer, status
from testbed.pipeline import Pipeline

SECRET = "s3cret"


def fetch(url: str, *, refuse_private: bool = True) -> None:
    with open_upstream(url, Known(), Limits(2, 2), refuse_private=refuse_private) as file:
        assert file is not None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # where clouds keep credentials
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert ipaddress.ip_address(address)
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433"])
def test_a_private_address_by_any_name(server: HttpServer, host: str) -> None:
    port = server.url.rpartition(":")[2]
    url = f"http://{host}:{port}/a.img"
    server.add_file("/a.img", b"x")
    with pytest.raises(PermanentError, match="private address"):
        fetch(url)
    assert server.requests == []


@pytest.mark.parametrize("scheme", ["ftp", "sftp", "smb", "webhdfs", "simplecache::http"])
def test_protocols_that_are_not_checked_are_refused(scheme: str) -> None:
    with pytest.raises(PermanentError, match="refused"):
        fetch(f"{scheme}://127.0.0.1/a.img")


def test_folders_are_not_addresses(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"x")
    fetch(str(tmp_path / "a.img"))


def test_a_redirect_to_another_scheme(server: HttpServer) -> None:
    url = server.add("/a.img", status(302, Location="file:///etc/passwd"))
    with pytest.raises(PermanentError, match="redirects from http to file"):
        fetch(url, refuse_private=False)


def test_the_setting_counts_for_runs(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    monkeypatch.setenv("IMAGETL_REFUSE_PRIVATE", "1")
    assert "private address" in pipeline.run("a.img").failure
    monkeypatch.setenv("IMAGETL_REFUSE_PRIVATE", "no")
    assert pipeline.run("a.img").success


@pytest.mark.parametrize("works", [True, False])
def test_secrets_of_the_upstream_are_in_no_event(
    pipeline: Pipeline, server: HttpServer, works: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """With credentials and a signature in the URL, whether the run succeeds or fails."""
    if works:
        server.add_file("/a.img", bundles.small_bundle())
    base = server.url.replace("//", f"//user:{SECRET}@")
    pipeline.upstream = f"{base}?X-Amz-Signature={SECRET}"
    outcome = pipeline.run("a.img")
    assert outcome.success is works
    events = pipeline.instance.all_logs(outcome.result.run_id)
    assert len(events) > 5
    assert all(SECRET not in event.to_json() for event in events)
    assert SECRET not in "".join(capfd.readouterr())
    for path in pipeline.root.rglob("*.json"):
        assert SECRET not in path.read_text()
