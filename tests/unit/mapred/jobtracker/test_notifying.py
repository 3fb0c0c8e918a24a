"""The end of a job is told over HTTP: once where that works, boundedly often where it doesn't."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from mapred.errors import RefusedError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.entries import Entry, JobEnded, NotificationTried
from mapred.jobtracker.history import MemoryHistory
from mapred.jobtracker.notifying import ask
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, Split, TrackerInfo
from mapred.notification import NOTIFICATION, notification_setting
from mapred.storage.local import LocalStorage
from mapred.tracking import Registration
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
