"""The end of a job is told over HTTP: once where that works, boundedly often where it doesn't."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mapred.errors import RefusedError
from mapred.jobtracker import notifying
from mapred.jobtracker.book import Book
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.entries import Entry, JobEnded, NotificationDue, NotificationTried
from mapred.jobtracker.history import MemoryHistory
from mapred.jobtracker.notifying import Notifier, ask
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, Split, TrackerInfo
from mapred.notification import NOTIFICATION, notification_setting
from mapred.storage.local import LocalStorage
from mapred.tracking import Registration
from tests.unit.mapred.jobtracker.conftest import Master
from tests.unit.mapred.jobtracker.test_stories import KeptStories

WAIT_S = 60.0


class Listener:
    """A web server that answers as it is told; the last answer goes for all further requests."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.heard: list[str] = []
        self.news = asyncio.Event()

    async def __aenter__(self) -> "Listener":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(request.decode().splitlines()[0])
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.news.set()
        if answer:
            writer.write(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n")
        else:
            # Until whoever asked has had enough.
            await reader.read()
        writer.close()

    def wish(self, attempts: int = 3, timeout_s: float = WAIT_S) -> dict[str, str]:
        return wish(
            f"http://127.0.0.1:{self.port}/end?id=$jobId&as=$jobStatus", attempts, timeout_s
        )


def wish(url: str, attempts: int = 3, timeout_s: float = WAIT_S) -> dict[str, str]:
    words = {
        "notify_url": url,
        "notify_attempts": attempts,
        "notify_interval_s": 0.01,
        "notify_timeout_s": timeout_s,
    }
    return {NOTIFICATION: notification_setting(words)}


async def _desk(history: MemoryHistory | None, archive: KeptStories | None = None) -> Desk:
    settings = JobTrackerSettings(heartbeat_interval_s=WAIT_S, drain_s=0.0, tick_s=0.01)
    committer = Committer(lambda _, __: LocalStorage())
    desk = Desk(JobTracker(settings), committer, history, archive=archive)
    await desk.start()
    return desk


async def _submitted(desk: Desk, folder: Path, settings: dict[str, str]) -> str:
    await desk.register(Registration(TrackerInfo("t", 1, "h", 1, 1, 1)))
    split = Split("file:///in", 0, 1)
    output = f"file://{folder}/o"
    spec = JobSpec("wc", "me", "", "", "m", "J", (split,), 0, output, settings=settings)
    return await desk.submit(spec, "r")


async def _killed_job(desk: Desk, folder: Path, settings: dict[str, str]) -> str:
    job_id = await _submitted(desk, folder, settings)
    await desk.kill(job_id, "enough")
    return job_id


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.01)


def _tries(story: list[Entry]) -> list[str]:
    return [one.error for one in story if isinstance(one, NotificationTried)]


def test_the_url_is_asked_with_the_jobs_id_and_status_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        archive = KeptStories()
        async with Listener(b"204 No Content") as listener:
            desk = await _desk(MemoryHistory(), archive)
            job_id = await _killed_job(desk, tmp_path, listener.wish())
            await _until(lambda: job_id in archive.kept)
            status, _ = await desk.status(job_id, 0, 0.0)
            await desk.stop()
        assert listener.heard == [f"GET /end?id={job_id}&as=KILLED HTTP/1.1"]
        assert status.notification.endswith(f"/end?id={job_id}&as=KILLED sent")
        assert isinstance(archive.kept[job_id][-2], JobEnded)
        assert _tries(list(archive.kept[job_id])) == [""]

    asyncio.run(scenario())


def test_a_try_that_fails_is_tried_again_and_told_in_the_story(tmp_path: Path) -> None:
    async def scenario() -> None:
        archive = KeptStories()
        async with Listener(b"503 Busy", b"302 Found", b"200 OK") as listener:
            desk = await _desk(MemoryHistory(), archive)
            job_id = await _killed_job(desk, tmp_path, listener.wish())
            await _until(lambda: job_id in archive.kept)
            await desk.stop()
        moved = "answered 302 Found: redirects aren't followed, name the place itself"
        assert _tries(list(archive.kept[job_id])) == ["answered 503 Busy", moved, ""]

    asyncio.run(scenario())


def test_tries_are_bounded_and_the_last_failure_stays_in_the_status(tmp_path: Path) -> None:
    async def scenario() -> None:
        archive = KeptStories()
        async with Listener(b"500 Broken") as listener:
            desk = await _desk(MemoryHistory(), archive)
            job_id = await _killed_job(desk, tmp_path, listener.wish(attempts=2))
            await _until(lambda: job_id in archive.kept)
            status, _ = await desk.status(job_id, 0, 0.0)
            await desk.stop()
        assert len(listener.heard) == 2
        assert status.notification.endswith("failed: answered 500 Broken")

    asyncio.run(scenario())


def test_a_jobtracker_that_dies_while_it_tells_tells_again_with_the_tries_that_are_left(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        history, archive = MemoryHistory(), KeptStories()
        async with Listener(b"500 Broken", b"") as listener:
            desk = await _desk(history, archive)
            job_id = await _killed_job(desk, tmp_path, listener.wish(attempts=2))
            await _until(lambda: len(listener.heard) == 2)
            await desk.stop()
            assert job_id not in archive.kept
        # Whoever listens there now, if anybody does.
        desk = await _desk(history, archive)
        assert desk.core.book.notices[job_id].attempts == 1
        await _until(lambda: job_id in archive.kept)
        await desk.stop()
        tries = _tries(list(archive.kept[job_id]))
        assert tries[0] == "answered 500 Broken"
        assert len(tries) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("keeps_stories", [True, False])
def test_a_restart_with_a_snapshot_tells_once_more_and_one_after_that_does_not(
    tmp_path: Path, keeps_stories: bool
) -> None:
    async def scenario() -> None:
        history = MemoryHistory()
        async with Listener(b"", b"200 OK") as listener:
            desk = await _desk(history, KeptStories() if keeps_stories else None)
            job_id = await _killed_job(desk, tmp_path, listener.wish())
            await _until(lambda: len(listener.heard) == 1)
            await desk.stop()
            desk = await _desk(history, KeptStories() if keeps_stories else None)
            await _until(lambda: not desk.core.book.notices)
            assert listener.heard == [f"GET /end?id={job_id}&as=KILLED HTTP/1.1"] * 2
            await desk.stop()
            desk = await _desk(history, KeptStories() if keeps_stories else None)
            status, _ = await desk.status(job_id, 0, 0.0)
            assert not desk.core.book.notices
            assert status.notification.endswith("sent")
            await desk.stop()
        assert len(listener.heard) == 2

    asyncio.run(scenario())


def test_without_a_history_a_stop_waits_until_it_was_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Listener(b"503 Busy", b"200 OK") as listener:
            desk = await _desk(None)
            job_id = await _killed_job(desk, tmp_path, listener.wish())
            await _until(lambda: job_id in desk.core.book.ended)
            await desk.stop()
        assert len(listener.heard) == 2

    asyncio.run(scenario())


def test_without_a_history_a_stop_waits_for_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("mapred.jobtracker.desk.NOTICES_WAIT_S", 0.01)
        async with Listener(b"") as listener:
            desk = await _desk(None)
            job_id = await _killed_job(desk, tmp_path, listener.wish())
            await _until(lambda: job_id in desk.core.book.ended)
            await desk.stop()
        assert f"{job_id}: http://" in caplog.text
        assert "was not told of its end" in caplog.text

    asyncio.run(scenario())


class Played:
    """A notifier whose requests fail at once, and what happened in which order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, jobs: int = 1) -> None:
        self.book = Book()
        for number in range(jobs):
            due = NotificationDue(f"job_1_{number}", "http://h/", 9, 1e6, 1.0)
            self.book.apply(due)
        self.durable = asyncio.Event()
        self.asked = self.asked_at_once = self.at_once_max = 0
        self.answers = asyncio.Semaphore(0)
        self._tasks: list[asyncio.Task[None]] = []
        monkeypatch.setattr(notifying, "ask", self._ask)
        self.notifier = Notifier(self.book, self._settled, self._tried, self._spawn)
        self.notifier.look()

    async def _settled(self) -> None:
        await self.durable.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _ask(self, url: str, timeout_s: float) -> str:
        self.asked += 1
        self.asked_at_once += 1
        self.at_once_max = max(self.at_once_max, self.asked_at_once)
        await self.answers.acquire()
        self.asked_at_once -= 1
        return "no"

    def _tried(self, job_id: str, error: str) -> None:
        self.book.apply(NotificationTried(job_id, "http://h/", 0.0, error))

    async def rest(self) -> None:
        """Until everybody waits."""
        for _ in range(100):
            await asyncio.sleep(0)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()


def test_nobody_is_told_before_the_end_is_durable_and_tries_are_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        played = Played(monkeypatch)
        await played.rest()
        assert played.asked == 0
        played.durable.set()
        for _ in range(9):
            played.answers.release()
        await played.rest()
        assert played.asked == 1, "the next try comes much later"
        assert not played.notifier.idle.is_set()
        played.end()

    asyncio.run(scenario())


def test_hosts_that_do_not_answer_are_bounded_and_the_last_end_is_idleness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(notifying, "AT_ONCE", 2)
        played = Played(monkeypatch, jobs=5)
        played.durable.set()
        await played.rest()
        assert played.asked == 2
        played.book.notices.clear()
        for _ in range(5):
            played.answers.release()
        await played.rest()
        assert (played.asked, played.at_once_max) == (5, 2)
        assert played.notifier.idle.is_set()

    asyncio.run(scenario())


def test_a_snapshot_has_who_is_still_to_be_told(master: Master) -> None:
    master.submit(settings=wish("http://h/$jobStatus", attempts=3))
    master.kill(next(iter(master.core.book.jobs)))
    master.perform()
    (due,) = master.core.book.notices.values()
    assert (due.url, due.attempts) == ("http://h/KILLED", 3)
    before = dict(master.core.book.notices)
    master.restart()
    assert master.core.book.notices == before


def test_a_host_that_does_not_answer_is_given_up_and_an_unknown_port_is_told() -> None:
    async def scenario() -> None:
        async with Listener(b"") as listener:
            url = f"http://127.0.0.1:{listener.port}/"
            assert await ask(url, 0.05) == "no answer within 0.05 s"
        assert await ask(url, WAIT_S) != ""

    asyncio.run(scenario())


def test_a_jobtracker_refuses_what_a_client_did_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = await _desk(None)
        bad = '{"url":"ftp://h/x","attempts":1,"interval_s":1,"timeout_s":1}'
        with pytest.raises(RefusedError, match="only http and https"):
            await _submitted(desk, tmp_path, {NOTIFICATION: bad})
        await desk.stop()

    asyncio.run(scenario())
