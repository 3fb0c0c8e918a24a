"""Reports reach the NameNode in order, and none is forgotten."""

import threading

import pytest

from blockstore.datanode import reports
from blockstore.datanode.reports import Reporter
from blockstore.errors import StaleEpochException, UnreachableException
from blockstore.model import Block, Replica, ReplicaState

WAIT_S = 10.0
A, B, C = (Replica(Block(n, 1, 5), ReplicaState.FINALIZED) for n in (1, 2, 3))


class NameNode:
    """Hears reports; fails as told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[Replica]]] = []
        self.failures: list[Exception] = []
        self.changed = threading.Condition()

    def _hear(self, kind: str, replicas: list[Replica]) -> None:
        with self.changed:
            self.changed.notify_all()
            if self.failures:
                raise self.failures.pop(0)
            self.heard.append((kind, replicas))

    def full_report(self, replicas: list[Replica]) -> None:
        self._hear("full", replicas)

    def incremental_report(self, replicas: list[Replica]) -> None:
        self._hear("changes", replicas)

    def until(self, count: int) -> list[tuple[str, list[Replica]]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heard) >= count, WAIT_S)
            return self.heard


@pytest.fixture
def namenode():
    return NameNode()


@pytest.fixture
def stale():
    return threading.Event()


@pytest.fixture
def reporter(stale):
    found = Reporter(stale.set)
    found.start()
    yield found
    found.stop()


def test_changes_wait_for_the_first_full_report(reporter, namenode):
    reporter.note(A)
    reporter.full(namenode, lambda: [A], list)
    reporter.note(B)
    assert namenode.until(2) == [("full", [A]), ("changes", [B])]


def test_damaged_replicas_follow_a_full_report(reporter, namenode):
    bad = Replica(Block(9, 1, 5), ReplicaState.CORRUPT)
    reporter.full(namenode, lambda: [A], lambda: [bad])
    assert namenode.until(2) == [("full", [A]), ("changes", [bad])]


def test_changes_are_sent_again_until_they_arrive(reporter, namenode, monkeypatch):
    monkeypatch.setattr(reports, "RETRY_S", 0.01)
    reporter.full(namenode, list, list)
    namenode.failures = [UnreachableException("gone"), UnreachableException("gone")]
    reporter.note(A)
    assert namenode.until(2)[1] == ("changes", [A])


def test_a_namenode_that_forgot_the_session_is_told_all_again(reporter, namenode, stale):
    reporter.full(namenode, list, list)
    namenode.failures = [StaleEpochException("who are you?")]
    reporter.note(A)
    assert stale.wait(WAIT_S)
    reporter.full(namenode, lambda: [A], list)
    reporter.note(B)
    assert namenode.until(3)[1:] == [("full", [A]), ("changes", [B])]


def test_a_full_report_that_fails_is_due(reporter, namenode):
    reporter.full(namenode, list, list)
    namenode.failures = [UnreachableException("gone")]
    with pytest.raises(UnreachableException):
        reporter.full(namenode, list, list)
    assert reporter.full_is_due()
    reporter.full(namenode, lambda: [A], list)
    assert not reporter.full_is_due()


def test_too_many_changes_make_a_full_report_due(namenode, monkeypatch):
    monkeypatch.setattr(reports, "QUEUE_REPLICAS_MAX", 2)
    reporter = Reporter(lambda: None)
    for change in (A, B):
        reporter.note(change)
    assert not reporter.full_is_due()
    reporter.note(C)
    assert reporter.full_is_due()
