"""A copy of a request is told what the first was told, also when that was no."""

import pytest

from blockstore.errors import FileAlreadyExistsException, FileNotFoundException, SafeModeException
from blockstore.namenode import outcomes


def rename(cluster, request_id):
    cluster.take(cluster.core.rename("/a", "/b", request_id=request_id, wall=1.0))


def test_a_refused_request_is_not_granted_later(cluster):
    cluster.mkdirs("/a")
    cluster.mkdirs("/b")
    with pytest.raises(FileAlreadyExistsException, match="'/b' exists"):
        rename(cluster, "first")
    cluster.delete("/b")

    with pytest.raises(FileAlreadyExistsException, match="'/b' exists"):
        rename(cluster, "first")
    rename(cluster, "second")
    assert cluster.paths("/") == ["/b"]


def test_a_delete_of_nothing_deletes_nothing_later(cluster):
    def delete(request_id):
        ready = cluster.core.delete("/a", request_id=request_id, wall=1.0)
        cluster.take(ready)
        return ready.reply

    assert not delete("first")
    cluster.mkdirs("/a")
    assert not delete("first")
    assert delete("second")


def test_what_safe_mode_refused_is_done_when_it_is_over(cluster):
    cluster.mkdirs("/a")
    cluster.core.safe_mode(True)
    with pytest.raises(SafeModeException):
        rename(cluster, "first")
    cluster.core.safe_mode(False)
    rename(cluster, "first")
    assert cluster.paths("/") == ["/b"]


def test_the_oldest_outcomes_are_forgotten(cluster, monkeypatch):
    monkeypatch.setattr(outcomes, "OUTCOMES_MAX", 2)
    for number in range(3):
        with pytest.raises(FileNotFoundException):
            rename(cluster, f"request {number}")
    cluster.mkdirs("/a")
    with pytest.raises(FileNotFoundException):
        rename(cluster, "request 2")
    rename(cluster, "request 0")
