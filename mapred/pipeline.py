"""Chains: jobs in which each takes the pairs of the one before.

    Frequent = WordCount.then(ByCount)

    class Frequent(Pipeline):                 the same, with a docstring and a name of its own
        stages = (WordCount, ByCount)

A stage gets the very pairs that the stage before has yielded, with their types: its input
format isn't asked. What lies between is in no file. A task begins with the reduce of one
stage and goes on with the map of the next, and leaves map output on its tracker's disk; what is
lost with a tracker is made again, and no more than that. `then(…, keep=True)` also writes the
pairs of the stage before, in its output format, below OUTPUT/_stages.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import ClassVar, Final

from mapred.columnar import BatchMapper, BlockMapper
from mapred.errors import JobDefinitionError
from mapred.job import Job, check
from mapred.ordering import TotalOrder

# In JobSpec.settings: the stages, as JSON.
CHAIN: Final = "chain"
# Below the output directory; the underline keeps it out of what reads the directory.
STAGES_DIRECTORY: Final = "_stages"


class Pipeline:
    """Subclass it and name the stages, or chain jobs with `Job.then`."""

    stages: ClassVar[Sequence[type[Job]]] = ()
    # Of stages that are kept: their number, from 1, and the directory below OUTPUT/_stages.
    kept: ClassVar[Mapping[int, str]] = {}

    @classmethod
    def then(
        cls, other: type[Job] | type["Pipeline"], *, keep: bool | str = False
    ) -> type["Pipeline"]:
        """With further stages; `keep` is about the last one so far."""
        return chained(cls, other, keep, sys._getframe(1).f_globals.get("__name__", ""))


def chained(
    first: type[Job] | type[Pipeline],
    other: type[Job] | type[Pipeline],
    keep: bool | str,
    module: str,
) -> type[Pipeline]:
    """The chain of both, as a class of that module."""
    stages, kept = _parts(first)
    more, more_kept = _parts(other)
    kept = {**kept, **{len(stages) + number: name for number, name in more_kept.items()}}
    if keep:
        kept[len(stages)] = keep if isinstance(keep, str) else stage_name(stages, len(stages))
    stages = (*stages, *more)
    name = "_then_".join(stage.__name__ for stage in stages)
    return type(name, (Pipeline,), {"stages": stages, "kept": kept, "__module__": module})


def _parts(one: type[Job] | type[Pipeline]) -> tuple[tuple[type[Job], ...], dict[int, str]]:
    if isinstance(one, type) and issubclass(one, Pipeline):
        return tuple(one.stages), dict(one.kept)
    if isinstance(one, type) and issubclass(one, Job):
        return (one,), {}
    raise JobDefinitionError(f"then({one!r}): a Job or a Pipeline is needed, as a class")


def stage_name(stages: Sequence[type[Job]], number: int) -> str:
    """`1-WordCount`."""
    return f"{number}-{stages[number - 1].__name__}"


def check_chain(pipeline: type[Pipeline]) -> None:
    """Finds what would fail in every task.

    Raises:
        JobDefinitionError: a stage that can't be one, or a name that can't be a directory's.
    """
    name, stages = pipeline.__name__, pipeline.stages
    if len(stages) < 2:
        raise JobDefinitionError(
            f"{name} has {len(stages)} stages: a chain needs two.  stages = (WordCount, ByCount)"
        )
    for number, stage in enumerate(stages, 1):
        if not (isinstance(stage, type) and issubclass(stage, Job)):
            raise JobDefinitionError(f"{name}: stage {number} is {stage!r}, which is no Job class")
        check(stage)
        _check_stage(f"{name}: stage {number}, {stage.__name__},", stage, first=number == 1)
    for number, directory in pipeline.kept.items():
        if not 1 <= number < len(stages):
            raise JobDefinitionError(
                f"{name} keeps stage {number}: those before the last can be kept, "
                f"1 to {len(stages) - 1}. The last one's pairs are the output itself"
            )
        if not directory or "/" in directory or directory.startswith("."):
            raise JobDefinitionError(
                f"{name} keeps stage {number} as '{directory}': give it the name of a directory, "
                f"which is made below {STAGES_DIRECTORY} in the output directory"
            )
    if len(set(pipeline.kept.values())) < len(pipeline.kept):
        raise JobDefinitionError(f"{name} keeps two stages under one name")


def _check_stage(who: str, stage: type[Job], *, first: bool) -> None:
    # Looked at by what a loop must have: the package of loops is above this one.
    if hasattr(stage, "initial_state"):
        raise JobDefinitionError(f"{who} is a loop, and a loop is no stage. Submit it by itself")
    if stage.partitioner is not None and issubclass(stage.partitioner, TotalOrder):
        raise JobDefinitionError(
            f"{who} puts its output into a total order, whose ranges are chosen from its input at "
            "submit: there is none yet. Give it one reducer, or submit it by itself"
        )
    if first:
        return
    if stage.inputs:
        raise JobDefinitionError(f"{who} has several inputs: only the first stage can")
    if issubclass(stage.mapper, BatchMapper | BlockMapper):
        raise JobDefinitionError(
            f"{who} maps batches or blocks of files, and gets pairs. Let its mapper be a Mapper"
        )
    if stage.on_bad_record != "fail" or stage.on_error != "fail":
        raise JobDefinitionError(f"{who} sets records aside: only the first stage can")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a task needs to know of one."""

    # From 1.
    number: int
    module: str
    job_class: str
    params_json: str
    output_format: str
    # The directory below OUTPUT/_stages that its pairs are kept in, or "".
    kept: str

    def __str__(self) -> str:
        return f"stage {self.number} ({self.job_class})"


def chain_setting(stages: Sequence[Stage]) -> str:
    return json.dumps([asdict(stage) for stage in stages])


def stages_in(settings: Mapping[str, str]) -> tuple[Stage, ...]:
    """Of a job that is no chain: none."""
    return tuple(Stage(**one) for one in json.loads(settings.get(CHAIN, "[]")))


def ends_of_levels(stages: Sequence[type[Job]]) -> list[int]:
    """Which stages' maps end the levels: those with a reducer, and the last one. Places, from 0."""
    last = len(stages) - 1
    return [at for at, stage in enumerate(stages) if stage.reducer is not None or at == last]


def mapped_in(stages: Sequence[type[Job]], level: int) -> range:
    """The stages whose mappers work in a level, by their places."""
    ends = [-1, *ends_of_levels(stages)]
    first, last = list(pairwise(ends))[level]
    return range(first + 1, last + 1)
