"""Reports reach the NameNode in order, and none is forgotten."""

import threading
import time

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
        # The reports' numbers, also of those that failed.
        self.numbers: list[int] = []
        self.failures: list[Exception] = []
        self.changed = threading.Condition()

    def _hear(self, kind: str, replicas: list[Replica], number: int) -> None:
        with self.changed:
            self.numbers.append(number)
            self.changed.notify_all()
            if self.failures:
                raise self.failures.pop(0)
            self.heard.append((kind, replicas))

    def full_report(self, replicas: list[Replica], number: int) -> None:
        self._hear("full", replicas, number)

    def incremental_report(self, replicas: list[Replica], number: int) -> None:
        self._hear("changes", replicas, number)

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


def until_it_waits(reporter):
    """Its thread has nothing to do."""
    deadline = time.monotonic() + WAIT_S
    while not reporter._changed._waiters:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("note", [Reporter.note, Reporter.note_later])
def test_a_reporter_that_has_nothing_to_do_wakes_up(reporter, namenode, monkeypatch, note, flushed):
    monkeypatch.setattr(reports, "LATER_S", 0.01)
    until_it_waits(reporter)
    reporter.full(namenode, list, list)
    for count, change in enumerate((A, B, C), 2):
        until_it_waits(reporter)
        if flushed:
            assert reporter.flush(WAIT_S)
        note(reporter, change)
        assert namenode.until(count)[-1] == ("changes", [change])


def test_a_change_that_its_writer_tells_of_goes_with_the_next_that_nobody_else_does(
    reporter, namenode, monkeypatch
):
    monkeypatch.setattr(reports, "LATER_S", 3600.0)
    reporter.full(namenode, list, list)
    reporter.flush(WAIT_S)
    assert [reporter.note_later(A), reporter.note_later(B)] == [2, 2]
    assert namenode.heard == [("full", [])]
    reporter.note(C)
    assert namenode.until(2)[1:] == [("changes", [A, B, C])]
    assert namenode.numbers == [1, 2]


def test_a_change_that_its_writer_tells_of_is_reported_by_itself_after_a_while(
    reporter, namenode, monkeypatch
):
    monkeypatch.setattr(reports, "LATER_S", 0.01)
    reporter.full(namenode, list, list)
    reporter.note_later(A)
    assert namenode.until(2)[1:] == [("changes", [A])]


def test_who_flushes_waits_for_no_other_change(reporter, namenode, monkeypatch):
    monkeypatch.setattr(reports, "LATER_S", 3600.0)
    reporter.full(namenode, list, list)
    reporter.note_later(A)
    assert reporter.flush(WAIT_S)
    assert namenode.heard[1:] == [("changes", [A])]


def test_the_number_that_is_told_is_of_no_report_from_before(reporter, namenode, monkeypatch):
    """Neither of one that is on its way just now, nor of a full one whose list may lack it."""
    monkeypatch.setattr(reports, "LATER_S", 3600.0)
    numbers = []
    reporter.full(namenode, lambda: numbers.append(reporter.note_later(A)) or [], list)
    reporter.note(B)
    assert namenode.until(2) == [("full", []), ("changes", [A, B])]
    assert (numbers, namenode.numbers) == ([2], [1, 2])

    class Slow(NameNode):
        def incremental_report(self, replicas, number):
            if replicas == [C]:
                numbers.append(reporter.note_later(A))
            super().incremental_report(replicas, number)

    slow = Slow()
    reporter.full(slow, list, list)
    reporter.note(C)
    slow.until(2)
    reporter.note(B)
    assert slow.until(3) == [("full", []), ("changes", [C]), ("changes", [A, B])]
    assert (numbers[1:], slow.numbers) == ([5], [3, 4, 5])


def test_a_report_that_did_not_arrive_comes_again_with_a_higher_number(
    reporter, namenode, monkeypatch
):
    monkeypatch.setattr(reports, "RETRY_S", 0.01)
    reporter.full(namenode, list, list)
    namenode.failures = [UnreachableException("gone")]
    reporter.note(A)
    assert namenode.until(2)[1] == ("changes", [A])
    assert namenode.numbers == [1, 2, 3]
