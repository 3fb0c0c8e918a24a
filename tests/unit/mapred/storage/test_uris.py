import os

import pytest

from mapred.storage.uris import (
    as_typed,
    authority_of,
    chain_of,
    join,
    name_of,
    parent_of,
    path_in_chain,
    path_of,
    qualified,
)

BS = "bs://nn:8020"


@pytest.mark.parametrize(
    ("typed", "default", "uri"),
    [
        ("/logs/2026", BS, "bs://nn:8020/logs/2026"),
        ("logs/2026", BS, "bs://nn:8020/logs/2026"),
        ("logs//x/../2026/", BS, "bs://nn:8020/logs/2026"),
        ("/", BS, "bs://nn:8020/"),
        ("bs:///logs", BS, "bs://nn:8020/logs"),
        ("bs://other:1/logs", BS, "bs://other:1/logs"),
        ("bs://other:1/logs", "file://", "bs://other:1/logs"),
        ("/a b/%41#?", "file://", "file:///a b/%41#?"),
        ("file:///a/./b", BS, "file:///a/b"),
        ("s3://bucket/key", BS, "s3://bucket/key"),
        ("C:thing", "file://", f"file://{os.getcwd()}/C:thing"),
    ],
)
def test_what_a_word_means(typed, default, uri):
    assert qualified(typed, default) == uri


CHAINS = {
    "zip://a/b.csv::file:///c.zip": ("zip://", "zip://::file:///c.zip", "zip://a/b.csv"),
    "zip://a/b.csv::bs://nn:8020/c.zip": (
        "zip://",
        "zip://::bs://nn:8020/c.zip",
        "zip://a/b.csv",
    ),
    "simplecache::https://host/a/b.csv": (
        "simplecache://",
        "simplecache::https://host",
        "https://host/a/b.csv",
    ),
    "filecache::zip://a/b.csv::s3://bucket/c.zip": (
        "filecache://",
        "filecache::zip://::s3://bucket/c.zip",
        "zip://a/b.csv",
    ),
    "simplecache::file:///a/b.csv": (
        "simplecache://",
        "simplecache::file://",
        "file:///a/b.csv",
    ),
}


@pytest.mark.parametrize("typed", CHAINS)
def test_a_file_system_inside_another_has_its_path_at_its_end(typed):
    uri = qualified(typed, BS)
    scheme, chain, path = CHAINS[typed]
    assert uri.startswith(scheme)
    assert uri.endswith("/a/b.csv")
    assert (chain_of(uri), path_in_chain(uri)) == (chain, path)
    assert as_typed(uri) == typed
    assert qualified(uri, BS) == uri
    assert as_typed(join(parent_of(uri), "x")) == typed.replace("a/b.csv", "a/x")


def test_what_is_inside_a_chain_is_taken_from_the_default_file_system():
    uri = qualified("zip://a.csv::bs:///x/../c.zip", BS)
    assert as_typed(uri) == "zip://a.csv::bs://nn:8020/c.zip"
    assert qualified("zip://a.csv::c.zip", BS) == qualified("zip://a.csv::bs:///c.zip", BS)
    with pytest.raises(ValueError, match="names no NameNode"):
        qualified("zip://a.csv::bs:///c.zip", "file://")


def test_a_path_with_colons_is_no_chain():
    assert qualified("/a::b", "file://") == "file:///a::b"
    assert qualified("/a::b://c", "file://") == "file:///a::b:/c"
    assert chain_of("file:///a::b") == ""
    assert as_typed("s3://bucket/a::b") == "s3://bucket/a::b"


def test_a_relative_path_starts_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert qualified("x/../y", "file://") == f"file://{tmp_path}/y"
    monkeypatch.setenv("HOME", "/home/ana")
    assert qualified("~/x", "file://") == "file:///home/ana/x"


def test_the_block_store_without_a_namenode_is_refused():
    with pytest.raises(ValueError, match="names no NameNode, and none is known"):
        qualified("bs:///logs", "file://")


def test_the_parts_of_a_uri():
    uri = "bs://nn:8020/a/b.txt"
    assert (authority_of(uri), path_of(uri)) == ("nn:8020", "/a/b.txt")
    assert (parent_of(uri), name_of(uri)) == ("bs://nn:8020/a", "b.txt")
    assert (authority_of("file:///a"), path_of("file:///a")) == ("", "/a")
    assert join("bs://nn:8020/", "a", "b") == "bs://nn:8020/a/b"
