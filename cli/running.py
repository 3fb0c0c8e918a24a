"""A planned job from its submit to the end of its command: followed, and told about."""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from mapred.iterative.status import LoopStatus, is_loop
from mapred.model import JobState, JobStatus

from .errors import FAILED, say
from .failures import failure_report
from .follow import killed_on_interrupt, to_the_end
from .output import counters_table, final_line, hot_keys_lines, skipped_line, status_json, tell
from .progress import progress_for

if TYPE_CHECKING:
    from mapred.engine import Engine
    from mapred.model import JobSpec

COPY_BYTES: Final = 1024 * 1024


def run_to_the_end(
    runner: "Engine",
    spec: "JobSpec",
    *,
    to_stdout: bool,
    detach: bool = False,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """The exit code. `to_stdout`: the output is a scratch directory, printed and removed."""
    with _scratch(spec.output_uri, needed=to_stdout):
        started_s = time.monotonic()
        with killed_on_interrupt(runner, spec.output_uri):
            job_id = runner.submit(spec)
            if detach:
                click.echo(job_id)
                return 0
            if is_loop(spec) and not quiet:
                tell(f"{job_id} ({spec.name}) runs; after a crash:  mapred resume {job_id}")
            status = to_the_end(runner, job_id, progress_for(quiet=quiet))
        took_s = time.monotonic() - started_s
        return _tell(status, took_s, to_stdout=to_stdout, quiet=quiet, as_json=as_json)


@contextlib.contextmanager
def _scratch(uri: str, *, needed: bool) -> Iterator[None]:
    """Without -o the output lies in a scratch directory, which is gone afterwards."""
    try:
        yield
    finally:
        if needed:
            from mapred.storage import storage_for

            storage_for(uri).delete(uri)


def _tell(status: JobStatus, took_s: float, *, to_stdout: bool, quiet: bool, as_json: bool) -> int:
    """Prints what the job is to tell at its end; returns the exit code."""
    if to_stdout and status.state is JobState.SUCCEEDED:
        _write_output(status)
    if as_json:
        click.echo(status_json(status))
    if status.state is not JobState.SUCCEEDED:
        say(failure_report(status))
        if isinstance(status, LoopStatus) and not status.failures[0].traceback:
            tell(f"  From its last checkpoint it goes on with:  mapred resume {status.job_id}")
        return FAILED
    if not quiet:
        tell(counters_table(status.counters))
        for line in hot_keys_lines(status):
            tell(line)
        if skipped := skipped_line(status):
            tell(skipped)
        tell(final_line(status, took_s=took_s, to_stdout=to_stdout))
    return 0


def _write_output(status: JobStatus) -> None:
    from mapred.storage import storage_for

    for uri in status.output_files:
        with storage_for(uri).open_read(uri) as part:
            shutil.copyfileobj(part, sys.stdout.buffer, COPY_BYTES)
    sys.stdout.buffer.flush()
