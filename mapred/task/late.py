"""Attempts that begin to write when their job is over, such as those on a tracker that the
JobTracker has taken for dead: they write nothing, and leave nothing.

_temporary/<job id>/ is there from before the first attempt until the output is published or
removed. An attempt looks before it opens a file, which would make the folders above anew, and
again after that: the job may have ended in between, and then what was made is removed.
Object stores have no folders that could be missed, and a job of transient output has no mark.
"""

from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import JobKilledError
from mapred.model import AttemptId, JobSpec
from mapred.shuffle.budget import Budget
from mapred.storage import storage_for
from mapred.storage.committing import TEMPORARY, has_folders
from mapred.storage.port import Buffering, OutputFile
from mapred.storage.uris import join


def opened(spec: JobSpec, attempt: AttemptId, uri: str) -> OutputFile:
    """A file of the attempt to write.

    Raises:
        JobKilledError: the job is over.
    """
    _refuse_late(spec, attempt)
    file = storage_for(uri).open_write(uri, overwrite=True)
    if isinstance(file, Buffering):
        file.hold_at_most(Budget.of(spec.memory_bytes).output_bytes)
    try:
        _refuse_late(spec, attempt)
    except JobKilledError:
        file.discard()
        _sweep(spec, attempt)
        raise
    return file


def _refuse_late(spec: JobSpec, attempt: AttemptId) -> None:
    if TRANSIENT_OUTPUT in spec.settings or not has_folders(spec.output_uri):
        return
    mark = join(spec.output_uri, TEMPORARY, attempt.job_id)
    try:
        storage_for(mark).stat(mark)
    except (FileNotFoundError, NotADirectoryError):
        raise JobKilledError(
            f"{attempt} writes nothing, for {mark} is gone: {attempt.job_id} is over, or somebody "
            "has removed its output directory while it ran"
        ) from None


def _sweep(spec: JobSpec, attempt: AttemptId) -> None:
    """Also the folders above, where they are empty: nobody takes them as long as they are there."""
    storage = storage_for(spec.output_uri)
    temporary = join(spec.output_uri, TEMPORARY)
    storage.delete(join(temporary, str(attempt)))
    for folder in (temporary, spec.output_uri):
        try:
            if storage.entries(folder):
                return
        except FileNotFoundError:
            return
        storage.delete(folder)
