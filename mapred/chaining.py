"""What planning a job asks of its stages: one, or those of a chain (mapred/pipeline.py)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mapred.codefiles import code_files
from mapred.errors import JobDefinitionError, ParamError
from mapred.formats import check_output
from mapred.job import SETTINGS, Job, check
from mapred.levels import LEVELS, fetching_split
from mapred.model import OUTPUT_PREFIX, JobSpec
from mapred.params import parameters, set_parameters
from mapred.pipeline import (
    CHAIN,
    Pipeline,
    Stage,
    chain_setting,
    check_chain,
    ends_of_levels,
)
from mapred.requirements import REQUIREMENTS, check_requirements
from mapred.tasksettings import task_settings

# A task serves several stages: it gets what the most demanding one asks for.
_LARGEST: Final = ("memory_bytes", "task_memory_bytes", "stall_s", "attempts_max")
_LAST: Final = ("lazy_output", "slowstart")


def checked_stages(found: type[Job] | type[Pipeline]) -> tuple[type[Job], ...]:
    """
    Raises:
        JobDefinitionError: they would fail in every task.
    """
    if issubclass(found, Pipeline):
        check_chain(found)
        return tuple(found.stages)
    check(found)
    return (found,)


def name_of(found: type[Job] | type[Pipeline]) -> str:
    """A chain's with its stages: `Frequent (WordCount, ByCount)`."""
    if issubclass(found, Pipeline):
        return f"{found.__name__} ({', '.join(stage.__name__ for stage in found.stages)})"
    return found.__name__


def own_settings(stages: Sequence[type[Job]]) -> dict[str, Any]:
    """What the classes say; `-D job.…` comes over it."""
    settings = {name: getattr(stages[0], name) for name in SETTINGS}
    for name in _LARGEST:
        settings[name] = max(getattr(stage, name) for stage in stages)
    for name in _LAST:
        settings[name] = getattr(stages[-1], name)
    return settings


def settings_of(stages: Sequence[type[Job]], settings: Mapping[str, Any]) -> dict[str, str]:
    """Of all stages together.

    Raises:
        RefusedError: a stage asks for what can't be, or two for what can't be together.
    """
    found = task_settings(stages[0], settings)
    for stage in stages[1:]:
        for name, form in stage.outputs.items():
            key, word = OUTPUT_PREFIX + name, check_output(form)
            if found.setdefault(key, word) != word:
                raise JobDefinitionError(
                    f"{stage.__name__}.outputs: '{name}' is an output of an earlier stage, too, in "
                    "another format. Give it another name"
                )
        found |= stage.settings
    wanted = dict.fromkeys(one for stage in stages for one in stage.requirements)
    if len(stages) > 1 and wanted:
        found[REQUIREMENTS] = check_requirements(tuple(wanted))
    return found


def parameters_of(stages: Sequence[type[Job]], words: Mapping[str, str]) -> list[dict[str, Any]]:
    """The values of each stage. `minimum=3` is for all stages that have such a parameter,
    `2.minimum=3` for the second stage.

    Raises:
        ParamError: no stage has it, or it isn't of its type.
    """
    if len(stages) == 1:
        return [set_parameters(stages[0], words)]
    own: list[dict[str, str]] = [{} for _ in stages]
    for name, word in words.items():
        number, dot, rest = name.partition(".")
        if dot and number.isdigit() and 1 <= int(number) <= len(stages):
            own[int(number) - 1][rest] = word
            continue
        having = [at for at, stage in enumerate(stages) if name in parameters(stage)]
        if not having:
            known = "; ".join(
                f"{number} ({stage.__name__}): {', '.join(parameters(stage)) or 'none'}"
                for number, stage in enumerate(stages, 1)
            )
            raise ParamError(
                f"no stage has a parameter '{name}'. Those of the stages: {known}. "
                "-D 2.name=value sets one of the second stage alone"
            )
        for at in having:
            own[at].setdefault(name, word)
    return [set_parameters(stage, mine) for stage, mine in zip(stages, own, strict=True)]


def code_of(stages: Sequence[type[Job]], path: Path, scratch: Path) -> dict[str, Path]:
    """All files that travel."""
    files: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        folder = scratch / str(number)
        folder.mkdir()
        files |= code_files(stage, path, folder)
    return files


def chain_settings(chain: type[Pipeline], values: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What tasks are told of the stages."""
    stages = [
        Stage(
            number,
            stage.__module__,
            stage.__name__,
            json.dumps(mine),
            check_output(stage.output_format),
            chain.kept.get(number, ""),
        )
        for number, (stage, mine) in enumerate(zip(chain.stages, values, strict=True), 1)
    ]
    return {CHAIN: chain_setting(stages)}


def with_levels(spec: JobSpec, stages: Sequence[type[Job]], reducers: Sequence[int]) -> JobSpec:
    """With a task for each part that a reduce between the stages has."""
    between = [reducers[at] for at in ends_of_levels(stages)[:-1]]
    sizes = (len(spec.splits), *between)
    further = tuple(fetching_split(part) for count in between for part in range(count))
    levels = {LEVELS: ",".join(map(str, sizes))}
    return replace(spec, splits=(*spec.splits, *further), settings={**spec.settings, **levels})
