"""A tracker's core in session with a JobTracker that a test plays."""

from dataclasses import replace

from mapred.model import (
    AttemptId,
    JobSpec,
    Launch,
    MapOutput,
    Split,
    TaskId,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
)
from mapred.tasktracker.actions import Action
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tracking import HeartbeatReply, Registered

SPEC = JobSpec("wc", "me", "", "", "m", "J", (), 2, "file:///out")
M0 = TaskId("job_1", "m", 0).attempt(0)
R0 = TaskId("job_1", "r", 0).attempt(0)
OUTPUT = MapOutput(0, 0, "other", "h", 1, "/p", 5)


class Played:
    """A core in session, and the orders of one JobTracker."""

    def __init__(self) -> None:
        info = TrackerInfo("t", 0, "host", 7, 2, 2)
        self.core = TaskTracker(info, ("/root",), TaskTrackerSettings(stall_s=10.0))
        self.now = 0.0
        self._seq = 0
        self.register()

    def register(self) -> None:
        self.registration = self.core.registration()
        self.core.registered(self.registration.info.incarnation, Registered(1, 1.0))
        self._seq = 0

    def told(self, *orders: TrackerOrder, events_seen: int = 0) -> list[Action]:
        numbered = tuple(enumerate(orders, start=self._seq + 1))
        self._seq += len(orders)
        reply = HeartbeatReply(1, False, events_seen, numbered)
        return self.core.replied(self.core.info.incarnation, reply, self.now)

    def launch(self, attempt: AttemptId, **more: object) -> list[Action]:
        split = Split("file:///in", 0, 1) if attempt == M0 else None
        return self.told(replace(Launch(attempt, SPEC, split), **more))

    @property
    def events(self) -> list[TrackerEvent]:
        self.core.check_invariants()
        return [event for _, event in self.core.heartbeat().events]
