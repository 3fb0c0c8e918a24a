"""The nouns that every part of the engine speaks in. Immutable; no I/O, no rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from mapred.ids import AttemptId as AttemptId
from mapred.ids import TaskId as TaskId
from mapred.ids import TaskKind as TaskKind
from mapred.priority import Priority as Priority

# Of jobs that name none.
DEFAULT_POOL: Final = "default"


@dataclass(frozen=True, slots=True)
class Split:
    """A piece of input for one map task: `length` bytes from `start` of `uri`.

    `hosts` hold the bytes, best first, and stand on `racks`, one each. `format` is the input format
    with its options, `input` the name of the input in a job that has several. `parts`: several
    files, each a split.
    """

    uri: str
    start: int
    length: int
    hosts: tuple[str, ...] = ()
    format: str = "text"
    input: str = ""
    parts: "tuple[Split, ...]" = ()
    # Empty where nobody knows.
    racks: tuple[str, ...] = ()

    @property
    def files(self) -> "tuple[Split, ...]":
        """What is read one after the other."""
        return self.parts or (self,)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job, resolved at submit: no user code is needed to schedule it."""

    name: str
    user: str
    # Content hash of the code archive (a zip), and where it is.
    code_sha256: str
    code_uri: str
    # Where the job class lives in the archive.
    module: str
    job_class: str
    splits: tuple[Split, ...]
    # 0: the maps' output is the job's output.
    reducers: int
    output_uri: str
    output_format: str = "text"
    # Param values that differ from the defaults: a JSON object.
    params_json: str = "{}"
    attempts_max: int = 4
    # Share of finished maps at which reduces start.
    slowstart: float = 0.05
    # Buffers and merges of one task, bytes; 0: the engine's default.
    memory_bytes: int = 0
    # Seconds without progress until an attempt is ended; 0: the engine's default.
    stall_s: float = 0.0
    python_version: str = ""
    engine_version: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    # Whose share of the cluster it uses.
    pool: str = DEFAULT_POOL
    # As submitted; it may be changed while the job runs.
    priority: Priority = Priority.NORMAL
    # What one task may use, and finds free where it runs; 0: a tracker's share per slot.
    task_memory_bytes: int = 0
    # Processors that one task uses: so many slots.
    task_cpus: int = 1
    # Tasks that never end, beside the maps and reduces.
    services: int = 0


# In JobSpec.settings: jobs of one family are served by the same task processes, which outlive
# each of them for a while: the rounds of a loop, whose decoded input stays there.
PROCESS_FAMILY: Final = "process_family"

# In JobSpec.settings: jobs whose outputs tasks have carried on (RunTask.carried_dir), and which
# nobody needs when this job is over; by blanks.
DONE_WITH: Final = "done_with"

# In JobSpec.settings: tasks without output leave no part file.
LAZY_OUTPUT: Final = "lazy_output"

# In JobSpec.settings, before the name of a further output: its format.
OUTPUT_PREFIX: Final = "output."

# In JobSpec.settings: where the reducers' ranges of keys begin (mapred/ordering.py).
TOTAL_ORDER: Final = "total_order"

# In JobSpec.settings: what maps may set aside, as JSON (mapred/task/skipping.py).
SKIPPING: Final = "skipping"

# A group of counters: keys, as repr() has them, that have most of their reducer's records.
HOT_GROUP: Final = "hot_keys"

# (group, name) → value.
Counters: TypeAlias = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class MapOutput:
    """Where a finished map's output can be fetched."""

    map_index: int
    attempt_number: int
    tracker_id: str
    host: str
    port: int
    # On the tracker's disk, for co-located reduces.
    path: str
    bytes: int

    def __reduce__(self) -> tuple[type["MapOutput"], tuple[object, ...]]:
        # Every reduce's process is told of every map: dataclasses with slots take thrice as long.
        return MapOutput, (
            *(self.map_index, self.attempt_number, self.tracker_id),
            *(self.host, self.port, self.path, self.bytes),
        )


class FailureKind(Enum):
    """Who is at fault, and so what counts against the attempt limit."""

    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"
    FATAL = "fatal"
    UNFIT = "unfit"  # the tracker lacks what the job needs
    RECORD = "record"  # one record kills the process, and is left out from now on


# Which file of a split, and which record of the file, from 0.
RecordAt: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended without success; `reason` is one line."""

    kind: FailureKind
    reason: str
    traceback: str = ""
    # Where in the input; empty and -1 when unknown.
    input_uri: str = ""
    offset: int = -1
    sample: str = ""
    host: str = ""
    # Of an attempt that was ended for its memory: what it used.
    peak_bytes: int = 0
    # The one in which the process died, if that is known.
    record: RecordAt | None = None
    # Of what has ended a job: all that happened to the task, a line an event.
    story: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is: `fraction` in 0..1, `phase` as in protos/mapred/types.proto."""

    attempt: AttemptId
    fraction: float
    phase: str = ""
    status: str = ""
    counters: Counters = field(default_factory=dict)


class JobState(Enum):
    RUNNING = "running"
    COMMITTING = "committing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"

    @property
    def ended(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.KILLED)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What a client sees of a job; progress in 0..1 over all tasks of the kind."""

    job_id: str
    name: str
    user: str
    state: JobState
    map_progress: float
    reduce_progress: float
    maps: int
    maps_done: int
    reduces: int
    reduces_done: int
    submitted_at_s: float
    # 0 while it runs.
    finished_at_s: float
    output_uri: str
    # Most probable cause first.
    failures: tuple[Failure, ...] = ()
    counters: Counters = field(default_factory=dict)
    # Of successful jobs: the published files, in order of partition.
    output_files: tuple[str, ...] = ()
    attempts_failed: int = 0
    attempts_killed: int = 0
    attempts_running: int = 0
    # Why nothing runs just now, if so.
    waiting_for: str = ""
    # Of an ended job: who was told so, or why not; "" where nobody is to be.
    notification: str = ""
    pool: str = DEFAULT_POOL
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class TrackerInfo:
    """What a TaskTracker says of itself when it registers."""

    tracker_id: str
    # Rises with every registration, also within one life of the daemon: it names the session.
    incarnation: int
    # Where others fetch map output from.
    host: str
    port: int
    map_slots: int
    reduce_slots: int
    # Every name under which block store hosts may know this machine.
    host_aliases: tuple[str, ...] = ()
    # Such as "3.11", and the engine's version; empty: fits every job.
    python_version: str = ""
    engine_version: str = ""
    # For all its tasks together; 0: nobody watches.
    memory_bytes: int = 0
    # Local directories that it doesn't use, each with the reason.
    bad_directories: tuple[str, ...] = ()
    # It has none left, and takes no attempts.
    refuses: bool = False
    # Where it stands; empty: as the block store says of its host.
    rack: str = ""
    service_slots: int = 0

    def slots(self, kind: TaskKind) -> int:
        if kind is TaskKind.MAP:
            return self.map_slots
        return self.reduce_slots if kind is TaskKind.REDUCE else self.service_slots

    @property
    def share_bytes(self) -> int:
        """Of the memory, what a task has that asks for nothing."""
        return self.memory_bytes // max(1, self.map_slots + self.reduce_slots + self.service_slots)


@dataclass(frozen=True, slots=True)
class TrackerStatus:
    """What `cluster status` and `job` show of a tracker."""

    info: TrackerInfo
    # As in protos/mapred/jobtracker.proto.
    state: str
    heard_s_ago: float
    maps_running: int
    reduces_running: int
    # Why it gets no attempts, if so; of a live one, what it can't use.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A share of the cluster, and what is made of it."""

    name: str
    weight: float
    # Slots that it gets before the others share the rest, as long as it can use them.
    min_maps: int
    min_reduces: int
    # "fair" or "fifo": among its jobs.
    order: str
    jobs_running: int = 0
    maps_running: int = 0
    reduces_running: int = 0
    maps_waiting: int = 0
    reduces_waiting: int = 0


# --- orders, JobTracker → TaskTracker --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Launch:
    """Run this attempt. Maps have a split; reduces have `maps` and the outputs known now.

    The spec comes without its splits: no attempt needs the others'.
    """

    attempt: AttemptId
    spec: JobSpec
    split: Split | None = None
    maps: int = 0
    outputs: tuple[MapOutput, ...] = ()
    # It is ended when it uses more; 0: only when the tracker's memory is used up.
    memory_limit_bytes: int = 0
    # The attempt marks each record before it is mapped, and leaves these out; None: it doesn't.
    careful: tuple[RecordAt, ...] | None = None
    # Whether those outputs count, too, that the tracker was told of before in this session.
    knows: bool = False


@dataclass(frozen=True, slots=True)
class KillAttempt:
    attempt: AttemptId
    reason: str


@dataclass(frozen=True, slots=True)
class OutputsReady:
    """Further map outputs for the running reduces of a job; a later one of a map replaces."""

    job_id: str
    outputs: tuple[MapOutput, ...]


@dataclass(frozen=True, slots=True)
class ForgetJob:
    """The job is over: drop its processes, map outputs and local files."""

    job_id: str


TrackerOrder: TypeAlias = Launch | KillAttempt | OutputsReady | ForgetJob


# --- events, TaskTracker → JobTracker --------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptDone:
    """A map with reducers has `output`; any other attempt has written `temporary_uri` (under
    _temporary/<attempt>), which is renamed to `final_name`. Either may have written `further` files
    there, whose paths stay the same. `took_s`: from its start on the tracker, if it's known."""

    attempt: AttemptId
    counters: Counters = field(default_factory=dict)
    output: MapOutput | None = None
    temporary_uri: str = ""
    final_name: str = ""
    further: tuple[str, ...] = ()
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    attempt: AttemptId
    failure: Failure


@dataclass(frozen=True, slots=True)
class FetchFailed:
    reduce: AttemptId
    map_index: int
    map_attempt_number: int
    reason: str


TrackerEvent: TypeAlias = AttemptDone | AttemptFailed | FetchFailed
