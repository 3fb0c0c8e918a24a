import os

import pytest

from mapred.storage.uris import authority_of, join, name_of, parent_of, path_of, qualified

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


def test_a_file_system_inside_another_is_refused_by_name():
    with pytest.raises(ValueError, match=r"inside another \(::file://\) isn't read"):
        qualified("zip://a.csv::file:///b.zip", "file://")
    assert qualified("/a::b", "file://") == "file:///a::b"


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
