"""A job's code in a task process: fetched, checked, unpacked and imported once."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from blockstore import errors
from blockstore.runtime.retry import RetryPolicy, retry
from mapred.archive import unpacked
from mapred.job import Job
from mapred.jobfile import import_job_file
from mapred.model import JobSpec
from mapred.pipeline import Stage, stages_in
from mapred.requirements import missing_here
from mapred.storage import storage_for
from mapred.task.failure import CodeError, UnfitError

# A NameNode restarts within seconds; before the tracker takes the attempt for stalled.
STORE_OUTAGE: Final = RetryPolicy(deadline_s=45.0)
_PASSING: Final = (
    errors.UnreachableException,
    errors.SafeModeException,
    errors.NotReadyException,
    errors.BlockMissingException,
)


def load_job(spec: JobSpec, parent: Path) -> tuple[type[Job], Path]:
    """The job's class, and the folder below `parent` that its code is in.

    Raises:
        CodeError: the archive can't be had, or its code fails; the cause is attached.
        StoreError: the store was away for long; another attempt may find it.
        UnfitError: a package that the job requires isn't installed here.
    """
    if lacks := missing_here(spec.settings):
        raise UnfitError(f"{spec.job_class} {lacks}")
    try:
        folder = unpacked(_archive(spec.code_uri), spec.code_sha256, parent)
    except _PASSING:
        raise
    except Exception as error:
        raise CodeError(f"the job's code can't be had from {spec.code_uri}") from error
    sys.path.insert(0, str(folder))
    try:
        module = import_job_file(folder / f"{spec.module}.py")
    except (Exception, SystemExit) as error:
        raise CodeError(f"{spec.module}.py can't be imported in the task process") from error
    if stages := stages_in(spec.settings):
        return job_of(stages[0]), folder
    return _job_in(module, spec.module, spec.job_class), folder


def job_of(stage: Stage) -> type[Job]:
    """The class of a stage of a chain, whose job file has been imported.

    Raises:
        CodeError: there is none.
    """
    try:
        module = import_module(stage.module)
    except (Exception, SystemExit) as error:
        raise CodeError(f"{stage.module}.py can't be imported in the task process") from error
    return _job_in(module, stage.module, stage.job_class)


def _job_in(module: ModuleType, name: str, job_class: str) -> type[Job]:
    job = getattr(module, job_class, None)
    if not (isinstance(job, type) and issubclass(job, Job)):
        raise CodeError(f"{name}.py has no Job named {job_class} in the task process")
    return job


def _archive(uri: str) -> bytes:
    def read(_: float) -> bytes:
        with storage_for(uri).open_read(uri) as file:
            return file.read()

    return retry(read, policy=STORE_OUTAGE, again=lambda error: isinstance(error, _PASSING))
