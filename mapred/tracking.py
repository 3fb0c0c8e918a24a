"""What a TaskTracker and the JobTracker say to each other, and the port they say it through.

A session begins with a registration and is named by the tracker's incarnation, which
rises with every registration. Orders and events are numbered from 1 within a session and
sent again until acknowledged (blockstore/runtime/mailbox.py), so nothing is lost or done
twice. What must survive a session is listed in the registration: attempts in hand and map
outputs held.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mapred.model import AttemptId, MapOutput, Progress, TrackerEvent, TrackerInfo, TrackerOrder


@dataclass(frozen=True, slots=True)
class HeldOutput:
    """A map output that this tracker can still serve."""

    attempt: AttemptId
    output: MapOutput


@dataclass(frozen=True, slots=True)
class Registration:
    """The tracker's word on itself; begins a session."""

    info: TrackerInfo
    # In hand: running, or ended by an event that wasn't acknowledged in the last session.
    attempts: tuple[AttemptId, ...] = ()
    held: tuple[HeldOutput, ...] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """The JobTracker's answer to a registration."""

    epoch: int
    heartbeat_interval_s: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One report of a tracker within its session."""

    tracker_id: str
    incarnation: int
    epoch: int
    # Every order up to this number has been taken over.
    orders_seen: int = 0
    events: tuple[tuple[int, TrackerEvent], ...] = ()
    progress: tuple[Progress, ...] = ()
    # Accepted, and not yet reported as ended.
    running: tuple[AttemptId, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """What the JobTracker answers: at once when it has orders, else at the interval."""

    epoch: int
    # The session isn't known: register. Nothing else in the reply counts then.
    register_again: bool = False
    # Every event up to this number is durable.
    events_seen: int = 0
    orders: tuple[tuple[int, TrackerOrder], ...] = field(default=())
    # Every event up to this number needn't be sent again in this session.
    events_taken: int = 0


class JobTrackerPort(Protocol):
    """How a tracker reaches its JobTracker: gRPC on a cluster, a call when embedded.

    Both methods return at once; `reply` is called once, on another thread, with the
    answer or the error.
    """

    def register(
        self, registration: Registration, reply: Callable[[Registered | Exception], None]
    ) -> None: ...

    def heartbeat(
        self, heartbeat: Heartbeat, reply: Callable[[HeartbeatReply | Exception], None]
    ) -> None: ...
