"""Which paths the file commands take for paths of the block store."""

import pytest
from mapred_cli.errors import CommandError
from mapred_cli.store import absolute


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("/a/b", "/a/b"),
        ("a/b/", "/a/b"),
        ("//a/../b", "/b"),
        ("bs://host:8020/a", "/a"),
        ("bs://host:8020", "/"),
        ("/odd://name", "/odd:/name"),
    ],
)
def test_a_path_is_taken_from_the_root(said, path):
    assert absolute(said) == path


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "empty"),
        ("s3://bucket/a", "s3://… is no path of the block store"),
        ("file:///a", "file://… is no path"),
        ("/a\udcff", "no UTF-8"),
    ],
)
def test_what_is_no_path_of_the_store_is_refused(said, why):
    with pytest.raises(CommandError, match=why):
        absolute(said)
