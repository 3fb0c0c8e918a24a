"""A job: which classes do the work, and how it is read, written and run.

class MeanLength(Job):
    minimum: int = Param(1, help="shortest word that counts")
    mapper, combiner, reducer, partitioner = Longer, Add, Add, ByCase
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mapred.columnar import BatchReducer
from mapred.errors import JobDefinitionError
from mapred.formats.choice import Format
from mapred.jobinputs import Input, check_inputs
from mapred.params import Declaration, parameters
from mapred.records import Mapper, Partitioner, Reducer
from mapred.reducers.port import Builtin

if TYPE_CHECKING:
    from mapred.pipeline import Pipeline


class Job:
    """Subclass it, and name the parts as class attributes."""

    mapper: ClassVar[type[Mapper]]
    # Several inputs, with a mapper each: mapred/jobinputs.py.
    inputs: ClassVar[Sequence[Input]] = ()
    # Called on parts of a key's values in the map tasks, so that less travels.
    combiner: ClassVar[type[Reducer] | None] = None
    # None: the maps' output is the job's output.
    reducer: ClassVar[type[Reducer] | None] = None
    partitioner: ClassVar[type[Partitioner] | None] = None

    # Secondary sort: how many first elements of the keys, which are tuples, make a group.
    group_by: ClassVar[int] = 0

    # How many reduce tasks; None: the engine chooses. `-r` overrides.
    reducers: ClassVar[int | None] = None
    # Names from mapred/formats, or Format("name", option=…).
    input_format: ClassVar[str | Format] = "text"
    output_format: ClassVar[str | Format] = "text"
    # Further outputs: name → format. Written by `self.ctx.output(name).write(key, value)`.
    outputs: ClassVar[Mapping[str, str | Format]] = {}
    # Whether tasks without output leave no empty part file.
    lazy_output: ClassVar[bool] = False
    # Files beside the job file that its code opens: paths relative to the job file's folder,
    # found at run time through `self.ctx.file(path)`.
    files: ClassVar[Sequence[str]] = ()

    # Zips and tars beside the job file, unpacked for its code: self.ctx.file("words.zip/a.txt"),
    # and of "words.zip#words" self.ctx.file("words/a.txt").
    archives: ClassVar[Sequence[str]] = ()
    # Packages that must be installed where its tasks run, as pip takes them: "pandas>=2".
    requirements: ClassVar[Sequence[str]] = ()

    # What the engine is to know of this kind of job: becomes JobSpec.settings.
    settings: ClassVar[Mapping[str, str]] = {}

    # `-D job.<name>=…` overrides these.
    attempts_max: ClassVar[int] = 4
    # Share of finished maps at which reduces start.
    slowstart: ClassVar[float] = 0.05
    # Bytes of buffers per task; 0: 128 MiB, or a quarter of the smallest slot's memory where that
    # is less, however the job is submitted. A process takes up more while it sorts: copies, and
    # some 40 MB that don't grow with it.
    memory_bytes: ClassVar[int] = 0
    # What one task may use of its machine's memory, and finds free there; it is ended when it
    # uses more. 0: what its tracker can spare.
    task_memory_bytes: ClassVar[int] = 0
    # Processors that one task uses: it takes so many slots of its machine.
    task_cpus: ClassVar[int] = 1
    # Seconds without progress until an attempt is ended; 0: the engine's default.
    stall_s: ClassVar[float] = 0.0
    # Largest split, in bytes; 0: what suits the input. None is larger than a block.
    split_bytes: ClassVar[int] = 0
    # Whether a file is one split, however large it is and wherever its blocks lie.
    whole_files: ClassVar[bool] = False
    # "skip": maps set aside malformed records, or those that `map` fails on; else "fail".
    on_bad_record: ClassVar[str] = "fail"
    on_error: ClassVar[str] = "fail"
    # More than so many in a task, or than this share of its records, fail it all the same.
    skipped_max: ClassVar[int] = 1000
    skipped_share: ClassVar[float] = 0.05
    # Is told by an HTTP GET that the job has ended: "http://host/done?id=$jobId&as=$jobStatus"
    # ($jobStatus: SUCCEEDED, FAILED or KILLED). Tried so often, so far apart, each so long.
    notify_url: ClassVar[str] = ""
    notify_attempts: ClassVar[int] = 3
    notify_interval_s: ClassVar[float] = 1.0
    notify_timeout_s: ClassVar[float] = 5.0
    # Whether many small files share splits.
    combine_files: ClassVar[bool] = True

    @classmethod
    def then(
        cls, other: "type[Job] | type[Pipeline]", *, keep: bool | str = False
    ) -> "type[Pipeline]":
        """A chain: `other` takes the pairs of this job (mapred/pipeline.py). `keep`: they are also
        written, below OUTPUT/_stages; a word is the name of the directory there."""
        from mapred.pipeline import chained

        return chained(cls, other, keep, sys._getframe(1).f_globals.get("__name__", ""))


# Attributes that `-D job.<name>=…` may set, with their types.
SETTINGS: Final[Mapping[str, type]] = {
    "attempts_max": int,
    "slowstart": float,
    "memory_bytes": int,
    "task_memory_bytes": int,
    "task_cpus": int,
    "stall_s": float,
    "split_bytes": int,
    "whole_files": bool,
    "on_bad_record": str,
    "on_error": str,
    "skipped_max": int,
    "skipped_share": float,
    "combine_files": bool,
    "notify_url": str,
    "notify_attempts": int,
    "notify_interval_s": float,
    "notify_timeout_s": float,
    "lazy_output": bool,
}

_ROLES: Final[Mapping[str, type]] = {
    "mapper": Mapper,
    "combiner": Reducer,
    "reducer": Reducer,
    "partitioner": Partitioner,
}


def check(job: type[Job]) -> None:
    """Finds what would fail in every task.

    Raises:
        JobDefinitionError: a missing mapper, a part of the wrong kind, or bad parameters.
    """
    check_inputs(job)
    if getattr(job, "mapper", None) is None and not job.inputs:
        raise JobDefinitionError(
            f"{job.__name__} has no mapper. Give it one:  mapper = YourMapper  (a mapred.Mapper)"
        )
    for role, kind in _ROLES.items():
        part: Any = getattr(job, role, None)
        if part is not None and not (isinstance(part, type) and issubclass(part, kind)):
            raise JobDefinitionError(
                f"{job.__name__}.{role} is {part!r}. "
                f"It must be a class that derives from mapred.{kind.__name__}"
            )
    if job.combiner is not None and job.reducer is None:
        raise JobDefinitionError(
            f"{job.__name__} has a combiner but no reducer: nothing would be grouped. "
            "Name a reducer, or drop the combiner"
        )
    if job.combiner is not None and issubclass(job.combiner, BatchReducer):
        raise JobDefinitionError(
            f"{job.__name__}.combiner is {job.combiner.__name__}, a BatchReducer: combiners "
            "work in the map loop. Name a Reducer or a built-in such as mapred.Sum"
        )
    _check_builtins(job)
    if job.group_by < 0 or (job.group_by and job.reducer is None):
        raise JobDefinitionError(
            f"{job.__name__}.group_by is {job.group_by}: it is how many first elements of the keys "
            "make a group, and needs a reducer"
        )
    if job.group_by and job.reducer is not None and hasattr(job.reducer, "reduce_batch"):
        raise JobDefinitionError(
            f"{job.__name__}: a BatchReducer gets whole keys, so group_by can't be with it. "
            "Let the reducer be one of records"
        )
    for name in vars(Job):
        if isinstance(getattr(job, name, None), Declaration):
            raise JobDefinitionError(
                f"{job.__name__}.{name} can't be a parameter: every Job has an attribute "
                f"'{name}'. Give the parameter another name"
            )
    parameters(job)


def _check_builtins(job: type[Job]) -> None:
    for part, other in ((job.combiner, job.reducer), (job.reducer, job.combiner)):
        if part is None or other is None or part is other or not issubclass(part, Builtin):
            continue
        if not part.closed:
            raise JobDefinitionError(
                f"{job.__name__}: {part.__name__} can't work together with {other.__name__}, "
                f"because its partial results are no values. Name it alone:  "
                f"reducer = {part.__name__}  (maps combine with it by themselves)"
            )
