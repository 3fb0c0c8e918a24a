"""Planning: from a job file and words of the command line to a JobSpec that needs no user code.

Everything that can be refused is refused here, before anything runs.
"""

import json
import os
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from blockstore.runtime.identity import this_user
from mapred.archive import digest, packed
from mapred.chaining import (
    chain_settings,
    checked_stages,
    code_of,
    name_of,
    own_settings,
    parameters_of,
    settings_of,
    with_levels,
)
from mapred.errors import JobDefinitionError, OutputExistsError, ParamError
from mapred.formats import Format, check_input, check_output
from mapred.inputs import InputPlan, input_files, shown, splits_of_all
from mapred.job import SETTINGS, Job
from mapred.jobfile import find_job, loaded_job_file
from mapred.jobinputs import bound, mapper_of
from mapred.model import TOTAL_ORDER, JobSpec
from mapred.owndirs import OwnDirectory
from mapred.params import word_as
from mapred.pipeline import Pipeline
from mapred.storage import storage_for
from mapred.storage.committing import output_refusal, standing
from mapred.storage.uris import (
    BLOCK_STORE,
    USERS_DIRECTORY,
    join,
    local_uri,
    parent_of,
    qualified,
    scheme_of,
)
from mapred.storage.whole import put
from mapred.versions import engine_version, python_version

# What a cluster gets when nobody says: files of a size people can handle, on a few trackers.
_CLUSTER_REDUCERS: Final = 4
_SETTING_PREFIX: Final = "job."


def plan(
    job_file: str,
    inputs: Sequence[str],
    *,
    output: str | None,
    params: Mapping[str, str],
    reducers: int | None = None,
    default_filesystem: str = "file://",
    code_base: str | None = None,
    workers: int | None = None,
    input_format: str | Format | None = None,
) -> JobSpec:
    """A job ready to be submitted; its code is where `code_uri` says.

    Args:
        job_file: "job.py" or "job.py:Class".
        inputs: files, directories and patterns, as typed.
        output: the directory to make; None: one beside `code_base`, the caller's to delete.
        params: `-D` words by name; "job.<setting>" sets an attribute of the job.
        reducers: None: what the job says, else a worker's number or a cluster's default.
        default_filesystem: "file://" or "bs://host:port", for paths without a scheme.
        code_base: a directory's URI for code archives; None: the default file system's.
        workers: how many processes work, on the embedded engine; None: as many as processors.
        input_format: instead of the job's own, where it has one input.

    Raises:
        RefusedError: what is wrong, and what to do.
    """
    path, class_name = _split_job_word(job_file)
    code_base = code_base or join(own_place(default_filesystem), "code")
    with loaded_job_file(path) as module:
        found = find_job(module, class_name, path)
        chain = found if issubclass(found, Pipeline) else None
        stages = checked_stages(found)
        job = stages[0]
        settings, words = _settings(stages, params)
        values = parameters_of(stages, words)
        plans = _input_plans(job, inputs, input_format)
        output_format = check_output(stages[-1].output_format)
        further = settings_of(stages, settings)
        parts = [
            *(_reducers(stage, None, default_filesystem, workers) for stage in stages[:-1]),
            _reducers(stages[-1], reducers, default_filesystem, workers),
        ]
        further |= chain_settings(chain, values) if chain else {}
        with OwnDirectory("archives") as scratch:
            archive = packed(code_of(stages, path, scratch))
    files = [(input_files(plan.words, default_filesystem), plan) for plan in plans]
    output_uri = _output(output, default_filesystem, code_base)
    splits = splits_of_all(
        files,
        split_bytes=settings["split_bytes"],
        combine=settings["combine_files"],
        whole=settings["whole_files"],
    )
    sha256 = digest(archive)
    spec = JobSpec(
        name=name_of(found),
        user=this_user(),
        code_sha256=sha256,
        code_uri=_uploaded(archive, sha256, code_base),
        module=path.stem,
        job_class=job.__name__,
        splits=splits,
        reducers=parts[-1],
        output_uri=output_uri,
        output_format=output_format,
        params_json=json.dumps(values[0]),
        attempts_max=settings["attempts_max"],
        slowstart=settings["slowstart"],
        memory_bytes=settings["memory_bytes"],
        task_memory_bytes=settings["task_memory_bytes"],
        task_cpus=settings["task_cpus"],
        stall_s=settings["stall_s"],
        python_version=python_version(),
        engine_version=engine_version(),
        settings=further,
    )
    if chain:
        return with_levels(spec, stages, parts)
    return spec if job.partitioner is None else _partitioned(spec, path, class_name)


def _partitioned(spec: JobSpec, path: Path, class_name: str | None) -> JobSpec:
    """With the ranges of keys, for a job whose output is to be in order throughout."""
    from mapred.ordering import TotalOrder, boundaries_setting

    with loaded_job_file(path) as module:
        job = find_job(module, class_name, path)
        if issubclass(job, Pipeline) or job.partitioner is None:
            return spec
        if not issubclass(job.partitioner, TotalOrder):
            return spec
        boundaries = boundaries_setting(job, spec, path.parent)
    return replace(spec, settings={**spec.settings, TOTAL_ORDER: boundaries})


def _split_job_word(word: str) -> tuple[Path, str | None]:
    path, colon, name = word.rpartition(":")
    if not colon or "/" in name or name.endswith(".py"):
        return Path(word).resolve(), None
    return Path(path).resolve(), name


def _input_plans(
    job: type[Job], words: Sequence[str], input_format: str | Format | None
) -> list[InputPlan]:
    own = {"": input_format or job.input_format}
    formats = {one.name: one.format for one in job.inputs} or own
    return [
        InputPlan(name, check_input(formats[name]), meant, _folds(job, name, formats[name]))
        for name, meant in bound(job, words).items()
    ]


def _folds(job: type[Job], name: str, form: str | Format) -> bool:
    from mapred.task.recognised import folds_columns

    mapper = mapper_of(job, name)
    return mapper is not None and folds_columns(mapper, job.combiner or job.reducer, str(form))


def own_place(default_filesystem: str) -> str:
    """The URI below which this user keeps what his jobs need: code, scratch outputs, loops."""
    if scheme_of(default_filesystem) == BLOCK_STORE:
        return join(default_filesystem, USERS_DIRECTORY, this_user())
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.access(os.path.dirname(cache), os.W_OK):
        cache = os.path.join(tempfile.gettempdir(), f"mapred-{os.getuid()}")
    return local_uri(os.path.join(cache, "mapred"))


def _settings(
    stages: Sequence[type[Job]], params: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The job's settings, and the words that are its parameters."""
    settings = own_settings(stages)
    words = {}
    for name, word in params.items():
        setting = name.removeprefix(_SETTING_PREFIX)
        if setting == name:
            words[name] = word
            continue
        if setting not in SETTINGS:
            known = ", ".join(_SETTING_PREFIX + one for one in SETTINGS)
            raise ParamError(f"there is no setting '{name}'. The settings are: {known}")
        try:
            settings[setting] = word_as(SETTINGS[setting], word)
        except ValueError:
            kind = SETTINGS[setting].__name__
            raise ParamError(f"-D {name}={word}: '{word}' is no {kind}") from None
    for name, value in settings.items():
        if (not isinstance(value, str) and value < 0) or (
            name in ("attempts_max", "task_cpus") and value < 1
        ):
            raise ParamError(f"job.{name} can't be {value}")
    return settings, words


def _output(output: str | None, default_filesystem: str, code_base: str) -> str:
    if output is None:
        return join(parent_of(code_base), "scratch", uuid.uuid4().hex)
    try:
        uri = qualified(output, default_filesystem)
        if refusal := output_refusal(uri):
            raise ParamError(f"output '{output}': {refusal}")
        storage = storage_for(uri)
        storage.stat(uri)
    except FileNotFoundError:
        return uri
    except ValueError as error:
        raise ParamError(f"output '{output}': {error}") from None
    except NotADirectoryError:
        raise OutputExistsError(
            f"output '{shown(uri)}' is below something that is a file"
        ) from None
    remove = "mapred fs rm -r" if scheme_of(uri) == BLOCK_STORE else "rm -r"
    raise OutputExistsError(
        f"output '{shown(uri)}' {standing(storage, uri)}, and nothing is overwritten.\n"
        f"  Choose another -o, or remove it:  {remove} {output}"
    )


def _reducers(
    job: type[Job], asked: int | None, default_filesystem: str, workers: int | None
) -> int:
    if job.reducer is None:
        if asked:
            raise JobDefinitionError(
                f"{job.__name__} has no reducer, so -r {asked} has nothing to run. "
                "Leave -r out: the maps' output is the job's output"
            )
        return 0
    chosen = asked if asked is not None else job.reducers
    if chosen is None:
        on_cluster = scheme_of(default_filesystem) == BLOCK_STORE
        return _CLUSTER_REDUCERS if on_cluster else workers or os.cpu_count() or 1
    if chosen < 1:
        raise JobDefinitionError(
            f"{job.__name__} has a reducer: it needs at least one reduce task, not {chosen}. "
            "A job whose maps' output is the result has  reducer = None"
        )
    return chosen


def _uploaded(archive: bytes, sha256: str, code_base: str) -> str:
    uri = join(code_base, f"{sha256}.zip")
    storage = storage_for(uri)
    try:
        storage.stat(uri)
    except FileNotFoundError:
        put(uri, archive, storage)
    return uri
