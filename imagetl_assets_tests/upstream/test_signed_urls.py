"""Which part of a URL is a signature, and which names the file."""

from __future__ import annotations

import pytest

from imagetl_assets.upstream.signed_urls import without_signature


@pytest.mark.parametrize(
    "signature",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F1&X-Amz-Date=1&X-Amz-Expires=9"
        "&X-Amz-SignedHeaders=host&X-Amz-Security-Token=s3cret&X-Amz-Signature=s3cret",
        "x-goog-algorithm=a&X-Goog-Credential=k&X-Goog-Date=1&X-Goog-Expires=9"
        "&X-Goog-SignedHeaders=host&X-Goog-Signature=s3cret",
        "AWSAccessKeyId=k&Expires=9&Signature=s3cret",
        "GoogleAccessId=k&Expires=9&Signature=s3cret",
        "Policy=p&Key-Pair-Id=k&Hash-Algorithm=SHA256&Signature=s3cret",
        "sp=r&sv=2024-11-04&sr=b&spr=https&se=2026&skoid=1&sig=s3cret&jwt=s3cret",
    ],
)
def test_signatures_are_left_out(signature: str) -> None:
    assert without_signature(f"https://h/a.img?{signature}") == "https://h/a.img"
    assert without_signature(f"https://h/a.img?id=1&{signature}&b=") == "https://h/a.img?id=1&b="


@pytest.mark.parametrize("query", ["sv=1&sr=b", "Expires=9", "id=1&id=2", "token=x", "Policy=p"])
def test_what_is_no_signature_names_the_file(query: str) -> None:
    assert without_signature(f"https://h/a.img?{query}") == f"https://h/a.img?{query}"


def test_neither_user_nor_fragment_names_the_file() -> None:
    assert without_signature("https://me:s3cret@h:8443/a.img#part") == "https://h:8443/a.img"
