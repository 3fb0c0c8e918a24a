"""What a TaskTracker and its task processes tell each other over their pipe.

One process runs one attempt at a time, many attempts of one job. Everything
here is pickled between processes of one installation on one machine.

    parent → child    RunTask, MoreOutputs, Stop
    child → parent    TaskProgress (at most a few a second), OutputLost (once per announcement
                      of an output), then exactly one TaskDone or TaskFailed per RunTask

The tracker ends a process by signals: SIGTERM, then SIGKILL. SIGUSR1 makes it write the stacks
of all threads to stderr (faulthandler, set up before `mapred.task.child.run` is called).
The end of the pipe means that the tracker is gone: end at once.
"""

from dataclasses import dataclass, field

from mapred.model import AttemptId, Counters, FailureKind, JobSpec, MapOutput, RecordAt, Split


@dataclass(frozen=True, slots=True)
class RunTask:
    """Run one attempt; for maps `split`, for reduces `maps` and the outputs known now."""

    attempt: AttemptId
    spec: JobSpec
    # Empty, writable, on local disk, this attempt's own; the tracker removes it.
    # A map with reducers leaves its output there (mapred/shuffle names the files).
    work_dir: str
    # The tracker this process belongs to: its outputs are opened in place.
    tracker_id: str
    split: Split | None = None
    maps: int = 0
    outputs: tuple[MapOutput, ...] = ()
    # Whether those count, too, that the process was told of before, of the same job.
    knows: bool = False
    # Exists; the attempt's stdout and stderr go to files of these names there (file
    # descriptors 1 and 2, so that libraries and subprocesses are caught too). Empty: leave them.
    log_dir: str = ""
    # Where the job's code is unpacked, once for all processes of the job or its family; may
    # have to be made. Empty: beside work_dir.
    code_dir: str = ""
    # Of a family's jobs: what all its processes on this machine share, whatever disks they work on;
    # likewise. Empty: nothing.
    shared_dir: str = ""
    # What the attempt leaves here outlives its job, and can be fetched as a map's output: until
    # a job says that it's DONE_WITH it, or for a while. May have to be made.
    carried_dir: str = ""
    # As in Launch.
    careful: tuple[RecordAt, ...] | None = None
    # Whether outputs of other trackers are looked for on this machine before they are fetched.
    short_circuit: bool = True


@dataclass(frozen=True, slots=True)
class MoreOutputs:
    """Map outputs for the reduce that runs; a later one of the same map replaces.

    After an OutputLost the same output may be announced again: try again, and complain again
    if it still can't be had.
    """

    outputs: tuple[MapOutput, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """No further task: end the process."""


@dataclass(frozen=True, slots=True)
class TaskProgress:
    fraction: float
    phase: str
    status: str = ""
    counters: Counters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputLost:
    """A map output can't be fetched; the reduce waits for a MoreOutputs that replaces it."""

    map_index: int
    attempt_number: int
    reason: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """`output_path` and `output_bytes` for maps with reducers, the rest for the others."""

    counters: Counters
    output_path: str = ""
    output_bytes: int = 0
    temporary_uri: str = ""
    final_name: str = ""
    # Paths below the attempt's folder and, later, below the output directory.
    further: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFailed:
    kind: FailureKind
    reason: str
    traceback: str = ""
    input_uri: str = ""
    offset: int = -1
    sample: str = ""
    # Why the disk under its work directory didn't take what it wrote, if that was it.
    disk_error: str = ""
