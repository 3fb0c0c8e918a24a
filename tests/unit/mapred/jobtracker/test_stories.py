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
        self.swept = threading.Event()

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        self.kept.setdefault(job_id, entries)
        self.news.set()

    def remove(self, job_id: str) -> None:
        self.kept.pop(job_id, None)

    def sweep(self, oldest: str) -> None:
        self.kept = {job_id: story for job_id, story in self.kept.items() if job_id >= oldest}
        self.swept.set()


async def _desk(history: MemoryHistory, archive: KeptStories | None, **more: int) -> Desk:
    settings = JobTrackerSettings(heartbeat_interval_s=WAIT_S, drain_s=0.0, tick_s=0.01, **more)
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
        while desk.core.book.stories:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.01)
        await desk.stop()

    asyncio.run(scenario())


class NeverAnswers(KeptStories):
    """A store that is away until the JobTracker has died."""

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        self.news.wait(WAIT_S)


def test_a_death_before_a_story_is_kept_loses_nothing_though_the_history_began_anew(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        history, away, archive = MemoryHistory(), NeverAnswers(), KeptStories()
        desk = await _desk(history, away)
        job_id = await _killed_job(desk, tmp_path)
        # What every start, and a history that has grown long, does.
        history.begin(desk.core.snapshot())
        again = JobTracker()
        again.book.keeps_stories = True
        again.replay(history.load())
        assert again.snapshot()[1:] == desk.core.snapshot()[1:]
        assert again.book.jobs_made == 1
        history.crash()
        away.news.set()
        await desk.stop()

        restarted = await _desk(history, archive)
        assert await asyncio.to_thread(archive.news.wait, WAIT_S)
        assert isinstance(archive.kept[job_id][0], JobSubmitted)
        assert isinstance(archive.kept[job_id][-1], JobEnded)
        await restarted.stop()

    asyncio.run(scenario())


def test_what_a_death_left_of_forgotten_jobs_is_swept_at_the_next_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        history, archive = MemoryHistory(), KeptStories()
        desk = await _desk(history, archive)
        job_id = await _killed_job(desk, tmp_path)
        assert await asyncio.to_thread(archive.news.wait, WAIT_S)
        await desk.stop()
        archive.kept["job_20000101000000_0001"] = archive.kept["job_20990101000000_0001"] = []

        roomy = await _desk(history, archive)
        await roomy.stop()
        assert len(archive.kept) == 3, "no job was ever forgotten"

        full = await _desk(history, archive, jobs_kept=1)
        assert await asyncio.to_thread(archive.swept.wait, WAIT_S)
        await full.stop()
        assert sorted(archive.kept) == [job_id, "job_20990101000000_0001"]

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
