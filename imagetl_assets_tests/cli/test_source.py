"""Which partition a bundle that is given to `imagetl run` becomes."""

from __future__ import annotations

import pytest

from imagetl_assets.cli.source import open_source


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("https://example.org/images/a%20b.img?key=1#top", "a b.img"),
        ("http://example.org/images/a.img/", "a.img"),
        ("file:///data/a%20b.img", "a b.img"),
        ("s3://bucket/images/a%20b.img", "a%20b.img"),
        ("s3://bucket/a#b?c.img", "a#b?c.img"),
        ("/data/a%20b.img", "a%20b.img"),
        ("./a.img", "a.img"),
        ("all-images.img", "all-images.img"),
        ("/data/photos/", "photos"),
        ("/data/photos/*.jpg", "photos"),
        ("/data/photos/**/a?.jpg", "photos"),
        ("s3://bucket/photos/", "photos"),
        ("s3://bucket/photos/**/*.jpg", "photos"),
    ],
)
def test_the_last_name_is_the_key(source: str, key: str) -> None:
    with open_source(source) as opened:
        assert opened.partition_key == key
