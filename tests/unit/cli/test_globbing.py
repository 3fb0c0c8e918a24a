"""Hadoop's globs; where bash has the same rule, bash is asked."""

import os
import subprocess

import pytest
from mapred_cli.errors import CommandError
from mapred_cli.globbing import alternatives, matches, name_pattern

from blockstore.errors import FileNotFoundException
from blockstore.model import FileStatus

TREE = ("a/x1", "a/x2", "a/y", "b/x3", "b/c/x1", "ab", "a*b", "a[b", "{a,b}", "c-d", ".hidden")


class LocalTree:
    """A directory of this machine as a store."""

    def __init__(self, root):
        self.root = root

    def stat(self, path):
        is_directory = (self.root / path.lstrip("/")).is_dir()
        if not (self.root / path.lstrip("/")).exists():
            raise FileNotFoundException(path)
        return FileStatus(path, is_directory, 0, 1, 1, 0.0, 1)

    def list(self, path):
        for name in sorted(os.listdir(self.root / path.lstrip("/"))):
            yield self.stat(f"{path.rstrip('/')}/{name}")


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return LocalTree(tmp_path)


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*/*",
        "a/x?",
        "[ab]/x[13]",
        "[a-b]/*",
        "[^a]*",
        "[]a]*",
        "{a,b/c}/x1",
        "{a,b}/{x{1,3},y}",
        r"a\*b",
        r"a\[b",
        r"\{a,b\}",
        "*[-]*",
        "b/*/x1",
        "a/x1",
    ],
)
def test_bash_finds_the_same(tree, pattern):
    script = (
        f'shopt -s dotglob nullglob; for f in {pattern}; do [ -e "$f" ] && echo "$f"; done; true'
    )
    said = subprocess.run(
        ["bash", "-c", script],
        cwd=tree.root,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [entry.path for entry in matches(tree, f"/{pattern}")]
    assert found == sorted(f"/{name}" for name in said.stdout.split())
    assert found


def test_words_in_braces_may_hold_slashes_and_braces():
    assert alternatives("/a{b,c{d,e/f}}g") == ["/abg", "/acdg", "/ace/fg"]
    assert alternatives(r"/a\{b,c}") == [r"/a\{b,c}"]


@pytest.mark.parametrize("pattern", ["/a{b", "/a[b", "/" + "{a,b}" * 20], ids=str)
def test_a_pattern_that_means_nothing_is_refused(tree, pattern):
    with pytest.raises(CommandError) as refusal:
        matches(tree, pattern)
    assert refusal.value.code == 2


def test_a_set_takes_its_signs_as_they_are():
    assert name_pattern("[a&&b^]").fullmatch("&")
    assert name_pattern("[a^]").fullmatch("^")
    assert not name_pattern("[^a]").fullmatch("a")
