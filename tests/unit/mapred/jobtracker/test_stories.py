"""Stories of ended jobs come into the archive, also when the JobTracker dies before that."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.entries import AttemptLaunched, Entry, JobEnded, JobSubmitted
from mapred.jobtracker.history import MemoryHistory
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, Split, TrackerInfo
from mapred.storage.local import LocalStorage
from mapred.tracking import Registration

WAIT_S = 60.0


class KeptStories:
    """In memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Sequence[Entry]] = {}
        self.news = threading.Event()

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        self.kept.setdefault(job_id, entries)
        self.news.set()

    def remove(self, job_id: str) -> None:
        self.kept.pop(job_id, None)


async def _desk(history: MemoryHistory, archive: KeptStories | None) -> Desk:
    settings = JobTrackerSettings(heartbeat_interval_s=WAIT_S, drain_s=0.0, tick_s=0.01)
    committer = Committer(lambda _, __: LocalStorage())
    desk = Desk(JobTracker(settings), committer, history, archive=archive)
    await desk.start()
    return desk


async def _killed_job(desk: Desk, folder: Path) -> str:
    await desk.register(Registration(TrackerInfo("t", 1, "h", 1, 1, 1)))
    spec = JobSpec(
        "wc", "me", "", "", "m", "J", (Split("file:///in", 0, 1),), 0, f"file://{folder}/o"
    )
    job_id = await desk.submit(spec, "r")
    await desk.kill(job_id, "enough")
    status, version = await desk.status(job_id, 0, 0.0)
    while not status.state.ended:
        before = version
        status, version = await desk.status(job_id, before, WAIT_S / 2)
        assert version > before
    return job_id


def test_a_jobs_story_is_kept_with_its_times_when_it_has_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        archive = KeptStories()
        desk = await _desk(MemoryHistory(), archive)
        job_id = await _killed_job(desk, tmp_path)
        assert await asyncio.to_thread(archive.news.wait, WAIT_S)
        story = archive.kept[job_id]
        assert isinstance(story[0], JobSubmitted)
        assert isinstance(story[-1], JobEnded)
        (launched,) = [one for one in story if isinstance(one, AttemptLaunched)]
        assert story[0].at_s <= launched.at_s <= story[-1].at_s
        assert not desk.core.book.stories
        await desk.stop()

    asyncio.run(scenario())


def test_one_that_wasnt_kept_before_a_restart_is_kept_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        history, archive = MemoryHistory(), KeptStories()
        desk = await _desk(history, None)
        job_id = await _killed_job(desk, tmp_path)
        assert not desk.core.book.stories
        await desk.stop()

        restarted = await _desk(history, archive)
        assert await asyncio.to_thread(archive.news.wait, WAIT_S)
        assert isinstance(archive.kept[job_id][-1], JobEnded)
        await restarted.stop()

    asyncio.run(scenario())
