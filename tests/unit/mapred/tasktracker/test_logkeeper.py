"""What attempts have said is kept: together, a failed one's at once, within bounds."""

import threading

import pytest

from mapred.keptlogs import AttemptLogs, decode_logs
from mapred.model import AttemptId, TaskId
from mapred.tasktracker import logkeeper
from mapred.tasktracker.logkeeper import LogKeeper

JOB = "job_1_1"
WAIT_S = 60.0


class Store:
    """Remembers; refuses as long as it is told to."""

    def __init__(self) -> None:
        self.appended: list[tuple[str, str, list[AttemptLogs | int]]] = []
        self.refuses = 0
        self.news = threading.Semaphore(0)

    def append(self, job_id: str, user: str, data: bytes) -> None:
        self.news.release()
        if self.refuses:
            self.refuses -= 1
            raise OSError("away")
        assert data.startswith(b"\n"), "what a death has torn would tear this"
        self.appended.append((job_id, user, list(decode_logs(data))))


class Texts:
    """The files."""

    def __init__(self) -> None:
        self.of: dict[AttemptId, str] = {}

    def __call__(self, attempt: AttemptId, tail_bytes: int) -> AttemptLogs:
        text = self.of.get(attempt, "")[-tail_bytes:]
        return AttemptLogs(attempt, {"stdout": text} if text else {})


def attempt(index: int) -> AttemptId:
    return TaskId(JOB, "m", index).attempt(0)


@pytest.fixture
def parts(monkeypatch):
    """A keeper that waits for company for ever, unless somebody has failed."""
    monkeypatch.setattr(logkeeper, "FLUSH_S", 1e6)
    texts, store = Texts(), Store()
    keeper = LogKeeper(texts, store)
    keeper.start()
    yield keeper, texts, store
    keeper.stop()


def over(keeper):
    done = threading.Event()
    keeper.job_over(JOB, done.set)
    assert done.wait(WAIT_S)


def test_what_a_job_has_said_is_written_once_and_before_its_files_go(parts):
    keeper, texts, store = parts
    texts.of = {attempt(0): "a", attempt(2): "c"}
    for index in range(3):
        keeper.ended(attempt(index), "ana", failed=False)
    by_then = []
    keeper.job_over(JOB, lambda: by_then.extend(store.appended))
    over(keeper)
    logs = [AttemptLogs(attempt(0), {"stdout": "a"}), AttemptLogs(attempt(2), {"stdout": "c"})]
    assert store.appended == by_then == [(JOB, "ana", logs)]


def test_who_says_nothing_costs_nothing(parts):
    keeper, _, store = parts
    keeper.ended(attempt(0), "ana", failed=True)
    over(keeper)
    assert store.appended == []


def test_a_failed_attempt_is_written_at_once(parts):
    keeper, texts, store = parts
    texts.of = {attempt(0): "a", attempt(1): "b"}
    keeper.ended(attempt(0), "ana", failed=False)
    keeper.ended(attempt(1), "ana", failed=True)
    assert store.news.acquire(timeout=WAIT_S)
    over(keeper)
    assert [len(logs) for _, _, logs in store.appended] == [2]


def test_what_has_no_room_is_counted_and_failures_have_more(parts, monkeypatch):
    keeper, texts, store = parts
    monkeypatch.setattr(logkeeper, "JOB_BYTES_MAX", 250)
    texts.of = {attempt(index): "x" * 50 for index in range(5)}
    for index in range(4):
        keeper.ended(attempt(index), "ana", failed=False)
    keeper.ended(attempt(4), "ana", failed=True)
    over(keeper)
    found = [one for _, _, logs in store.appended for one in logs]
    kept = [one.attempt.index for one in found if isinstance(one, AttemptLogs)]
    assert kept == [0, 1, 4]
    assert found[-1] == 2


def test_who_waits_for_company_does_not_wait_for_ever(parts, monkeypatch):
    keeper, texts, store = parts
    monkeypatch.setattr(logkeeper, "FLUSH_S", 0.0)
    texts.of = {attempt(0): "a"}
    keeper.ended(attempt(0), "ana", failed=False)
    assert store.news.acquire(timeout=WAIT_S)


def test_what_waits_for_the_store_is_bounded_and_makes_room_when_its_job_is_over(
    parts, monkeypatch
):
    keeper, texts, store = parts
    monkeypatch.setattr(logkeeper, "WAITING_BYTES_MAX", 150)
    texts.of = {attempt(index): "x" * 50 for index in range(2)}
    for refuses in (1, 0):
        store.refuses = refuses
        for index in range(2):
            keeper.ended(attempt(index), "ana", failed=False)
        over(keeper)
    ((_, _, logs),) = store.appended
    assert [one if isinstance(one, int) else one.attempt.index for one in logs] == [0, 1]


def test_a_store_that_is_away_is_asked_again_and_a_jobs_end_waits_once(parts):
    keeper, texts, store = parts
    texts.of = {attempt(0): "a"}
    store.refuses = 1
    keeper.ended(attempt(0), "ana", failed=True)
    assert store.news.acquire(timeout=WAIT_S)
    assert store.appended == []
    over(keeper)
    assert len(store.appended) == 1
    store.refuses = 5
    keeper.ended(attempt(0), "ana", failed=False)
    over(keeper)
    assert len(store.appended) == 1


def test_a_tracker_that_stops_writes_what_is_left(parts):
    keeper, texts, store = parts
    texts.of = {attempt(0): "a"}
    keeper.ended(attempt(0), "ana", failed=False)
    keeper.stop()
    assert len(store.appended) == 1
