"""The shell: durable first, then told; heartbeats held open; a history that fails."""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import MapredError, OutputExistsError
from mapred.inlinefiles import inline_uri
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.entries import Entry, JobSubmitted
from mapred.jobtracker.history import MemoryHistory
from mapred.jobtracker.segments import ReplacedError
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import AttemptDone, JobSpec, JobState, Launch, Split, TrackerInfo
from mapred.storage.local import LocalStorage
from mapred.tracking import Heartbeat, HeartbeatReply, Registration

INFO = TrackerInfo("t", 1, "h", 1, 1, 1)
# For a busy machine; nothing here waits for its end.
WAIT_S = 60.0


class GatedHistory(MemoryHistory):
    """Makes nothing durable until told; fails as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.failures = 0
        self.begun = 0

    def begin(self, snapshot: Iterable[Entry]) -> None:
        self.begun += 1
        super().begin(snapshot)

    def sync(self) -> None:
        assert self.gate.wait(WAIT_S)
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        super().sync()


async def _desk(history: MemoryHistory | None = None, interval_s: float = WAIT_S) -> Desk:
    settings = JobTrackerSettings(heartbeat_interval_s=interval_s, drain_s=0.2, tick_s=0.01)
    desk = Desk(JobTracker(settings), Committer(lambda _, __: LocalStorage()), history)
    await desk.start()
    return desk


def _spec(folder: Path, maps: int = 1) -> JobSpec:
    splits = tuple(Split("file:///in", i, 1) for i in range(maps))
    return JobSpec("wc", "me", "", "", "m", "J", splits, 0, f"file://{folder}/out")


def _beat(desk: Desk, **more: object) -> "asyncio.Future[HeartbeatReply]":
    heartbeat = Heartbeat("t", 1, desk.core.epoch, **more)  # type: ignore[arg-type]
    return asyncio.ensure_future(desk.heartbeat(heartbeat))


def test_an_order_ends_a_held_heartbeat_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = await _desk()
        await desk.register(Registration(INFO))
        held = _beat(desk)
        await asyncio.sleep(0)
        assert not held.done()

        await desk.submit(_spec(tmp_path), "r")

        reply = await asyncio.wait_for(held, WAIT_S / 2)
        assert [type(order) for _, order in reply.orders] == [Launch]
        await desk.stop()

    asyncio.run(scenario())


def test_a_newer_heartbeat_ends_the_older_one() -> None:
    async def scenario() -> None:
        desk = await _desk()
        await desk.register(Registration(INFO))
        older = _beat(desk)
        await asyncio.sleep(0)

        newer = _beat(desk)

        assert (await asyncio.wait_for(older, WAIT_S / 2)).orders == ()
        assert not newer.done()
        await desk.stop()
        await newer

    asyncio.run(scenario())


def test_a_heartbeat_without_orders_is_answered_at_the_interval() -> None:
    async def scenario() -> None:
        desk = await _desk(interval_s=0.05)
        await desk.register(Registration(INFO))

        reply = await asyncio.wait_for(_beat(desk), WAIT_S)

        assert (reply.orders, reply.register_again) == ((), False)
        await desk.stop()

    asyncio.run(scenario())


def test_an_unknown_tracker_is_told_to_register_at_once() -> None:
    async def scenario() -> None:
        desk = await _desk()

        assert (await asyncio.wait_for(_beat(desk), WAIT_S / 2)).register_again
        await desk.stop()

    asyncio.run(scenario())


def test_nobody_hears_of_a_job_before_it_is_durable(tmp_path: Path) -> None:
    async def scenario() -> None:
        history = GatedHistory()
        desk = await _desk(history)
        history.gate.clear()

        submitted = asyncio.ensure_future(desk.submit(_spec(tmp_path), "r"))
        await asyncio.sleep(0.05)
        assert not submitted.done()
        assert not (tmp_path / "out").exists(), "actions wait as well"
        history.gate.set()

        await asyncio.wait_for(submitted, WAIT_S)
        assert any(isinstance(entry, JobSubmitted) for entry in history.load())
        await desk.stop()

    asyncio.run(scenario())


def test_a_round_and_an_end_that_has_its_output_with_it_are_told_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        history = GatedHistory()
        desk = await _desk(history)
        await desk.register(Registration(INFO))
        history.gate.clear()
        spec = replace(_spec(tmp_path), settings={TRANSIENT_OUTPUT: "true"})
        job_id = await asyncio.wait_for(desk.submit(spec, "r"), WAIT_S)
        reply = await asyncio.wait_for(_beat(desk), WAIT_S)
        ((_, launch),) = reply.orders
        assert isinstance(launch, Launch)
        found = inline_uri(b"found")

        beat = _beat(
            desk, orders_seen=1, events=((1, AttemptDone(launch.attempt, final_name=found)),)
        )
        status, _ = await asyncio.wait_for(desk.status(job_id, 0, WAIT_S), WAIT_S)

        assert (status.state, status.output_files) == (JobState.SUCCEEDED, (found,))
        assert not any(isinstance(entry, JobSubmitted) for entry in history.load())
        history.gate.set()
        await asyncio.wait_for(beat, WAIT_S)
        await desk.stop()

    asyncio.run(scenario())


def test_orders_do_not_wait_for_the_journal_and_acknowledgements_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        history = GatedHistory()
        desk = await _desk(history, interval_s=0.02)
        await desk.register(Registration(INFO))
        await desk.submit(_spec(tmp_path, maps=2), "r")
        reply = await asyncio.wait_for(_beat(desk), WAIT_S)
        (_, launch) = reply.orders[0]
        assert isinstance(launch, Launch)
        history.gate.clear()

        done = ((1, AttemptDone(launch.attempt)),)
        reply = await asyncio.wait_for(_beat(desk, orders_seen=1, events=done), WAIT_S)

        assert [type(order) for _, order in reply.orders] == [Launch]
        assert reply.events_seen == 0, "a crash now would forget it"
        history.gate.set()
        while reply.events_seen == 0:
            reply = await asyncio.wait_for(_beat(desk, orders_seen=2, events=done), WAIT_S)
        again = JobTracker()
        again.replay(history.load())
        (job,) = again.book.jobs.values()
        assert job.task(launch.attempt.task).winner is not None  # type: ignore[union-attr]
        await desk.stop()

    asyncio.run(scenario())


def test_orders_wait_when_far_too_much_is_not_durable_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapred.jobtracker.journaling.UNSAVED_MAX", 0)

    async def scenario() -> None:
        history = GatedHistory()
        desk = await _desk(history, interval_s=0.02)
        await desk.register(Registration(INFO))
        await desk.submit(_spec(tmp_path, maps=2), "r")
        reply = await asyncio.wait_for(_beat(desk), WAIT_S)
        (_, launch) = reply.orders[0]
        assert isinstance(launch, Launch)
        history.gate.clear()

        beat = _beat(desk, orders_seen=1, events=((1, AttemptDone(launch.attempt)),))
        await asyncio.sleep(0.1)
        assert not beat.done()
        history.gate.set()
        await asyncio.wait_for(beat, WAIT_S)
        await desk.stop()

    asyncio.run(scenario())


def test_a_history_that_fails_is_begun_again_with_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapred.jobtracker.journaling.RETRY_S", 0.01)

    async def scenario() -> None:
        history = GatedHistory()
        desk = await _desk(history)
        history.failures = 1

        job_id = await asyncio.wait_for(desk.submit(_spec(tmp_path), "r"), WAIT_S)

        assert history.begun == 2
        again = JobTracker()
        again.replay(history.load())
        assert job_id in again.book.jobs
        await desk.stop()

    asyncio.run(scenario())


class LostHistory(GatedHistory):
    """Another JobTracker has begun a segment in it."""

    def begin(self, snapshot: Iterable[Entry]) -> None:
        if self.begun:
            raise ReplacedError("another JobTracker has begun history-2 in this history")
        super().begin(snapshot)


def test_a_jobtracker_that_was_replaced_stops_at_once_and_tells_nobody_anything(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        history = LostHistory()
        desk = await _desk(history)
        history.failures = 1
        submitting = asyncio.ensure_future(desk.submit(_spec(tmp_path), "r"))

        reason = await asyncio.wait_for(asyncio.shield(desk.broken), WAIT_S)

        assert "another JobTracker has begun" in reason
        assert not submitting.done()
        assert not (tmp_path / "_temporary").exists()
        submitting.cancel()
        await desk.stop()

    asyncio.run(scenario())


def test_a_stopped_desk_has_saved_everything(tmp_path: Path) -> None:
    async def scenario() -> MemoryHistory:
        history = MemoryHistory()
        desk = await _desk(history)
        await desk.register(Registration(INFO))
        await desk.submit(_spec(tmp_path), "r")
        await desk.stop()
        return history

    history = asyncio.run(scenario())
    again = JobTracker()
    again.replay(history.load())
    (job,) = again.book.jobs.values()
    assert len(job.live) == 1


def test_a_status_call_waits_for_something_new(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = await _desk()
        job_id = await desk.submit(_spec(tmp_path), "r")
        _, version = await desk.status(job_id, 0, 0.0)
        waiting = asyncio.ensure_future(desk.status(job_id, version, WAIT_S))
        await asyncio.sleep(0)

        await desk.kill(job_id, "enough")

        status, later = await asyncio.wait_for(waiting, WAIT_S / 2)
        assert later > version
        while not status.state.ended:
            status, later = await desk.status(job_id, later, WAIT_S)
        assert status.state is JobState.KILLED
        assert not (tmp_path / "out").exists()
        await desk.stop()

    asyncio.run(scenario())


def test_an_existing_output_is_refused_by_submit(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    async def scenario() -> None:
        desk = await _desk()
        with pytest.raises(OutputExistsError, match="exists; choose another -o"):
            await desk.submit(_spec(tmp_path), "r")
        assert await desk.jobs() == []
        await desk.stop()

    asyncio.run(scenario())


def test_a_fault_in_the_core_stops_the_jobtracker_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        desk = await _desk()

        def broken(now: float) -> None:
            raise MapredError("a bug")

        monkeypatch.setattr(desk.core, "tick", broken)

        assert await asyncio.wait_for(desk.broken, WAIT_S) == "MapredError: a bug"
        await desk.stop()

    asyncio.run(scenario())
