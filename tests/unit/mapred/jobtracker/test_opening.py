"""A JobTracker that answers before the block store lets it have its history."""

import asyncio

import pytest

from mapred.errors import NotYetError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.opening import Opening
from mapred.jobtracker.servicer import JobTrackerServicer, TrackerServicer
from mapred.storage.local import LocalStorage
from mapred.wire import jobtracker_pb2 as pb


def test_who_asks_too_early_is_told_what_it_waits_for_and_then_answered():
    async def story():
        opening = Opening()
        servicer = JobTrackerServicer(opening, "nn:8020", "i")
        with pytest.raises(NotYetError, match="its history"):
            await servicer.List(pb.ListJobsRequest(), None)
        opening.waits_for("the block store, which is in safe mode")
        with pytest.raises(NotYetError, match="in safe mode"):
            await servicer.Submit(pb.SubmitRequest(), None)
        with pytest.raises(NotYetError, match="in safe mode"):
            await TrackerServicer(opening).Heartbeat(pb.TrackerHeartbeat(), None)
        desk = Desk(JobTracker(), Committer(lambda _, __: LocalStorage()))
        opening.opened(desk)
        assert list((await servicer.List(pb.ListJobsRequest(), None)).jobs) == []
        await desk.stop()

    asyncio.run(story())


def test_who_asks_shortly_before_waits_for_it():
    async def story():
        opening = Opening(held_up_s=60.0)
        asked = asyncio.create_task(opening.desk())
        await asyncio.sleep(0)
        desk = Desk(JobTracker(), Committer(lambda _, __: LocalStorage()))
        opening.opened(desk)
        assert await asked is desk
        await desk.stop()

    asyncio.run(story())
