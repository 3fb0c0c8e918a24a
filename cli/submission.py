"""A job that `mapred submit` was given: planned, run, followed, and what is told of its end."""

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click

from mapred.engine import Engine
from mapred.iterative.status import is_loop
from mapred.model import DEFAULT_POOL, JobSpec, JobState, JobStatus, Priority
from mapred.storage.uris import qualified
from mapred.submit import plan

from .engines import Place
from .errors import FAILED, REFUSED, CommandError, say
from .failures import failure_report
from .follow import killed_on_interrupt, terminated_by_signal, to_the_end
from .output import counters_table, final_line, hot_keys_lines, skipped_line, status_json, tell
from .progress import progress_for

COPY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says of the job."""

    job: str
    inputs: Sequence[str]
    # None: to stdout.
    output: str | None
    parameters: Mapping[str, str]
    reducers: int | None
    # None: the defaults.
    pool: str | None
    priority: str | None
    detach: bool
    resume: bool
    quiet: bool
    as_json: bool


def submitted(wishes: Wishes, place: Place, engine: Engine) -> int:
    """Runs it, unless it's to be detached; returns the exit code."""
    with terminated_by_signal():
        spec = _planned(wishes, place)
        if place.notice and not wishes.quiet:
            say(place.notice)
        with _scratch(spec.output_uri, needed=wishes.output is None):
            runner = _runner(engine, spec, detach=wishes.detach, resume=wishes.resume)
            started_s = time.monotonic()
            with killed_on_interrupt(runner, spec.output_uri):
                job_id = runner.submit(spec)
                if wishes.detach:
                    click.echo(job_id)
                    return 0
                status = to_the_end(runner, job_id, progress_for(quiet=wishes.quiet))
            return _tell(wishes, status, time.monotonic() - started_s)


def _planned(wishes: Wishes, place: Place) -> JobSpec:
    output = wishes.output
    spec = plan(
        wishes.job,
        [_canonical(place, word) for word in wishes.inputs],
        # What is resumed is there already.
        output=None if wishes.resume or output is None else place.canonical(output),
        params=wishes.parameters,
        reducers=wishes.reducers,
        default_filesystem=place.default_filesystem,
        workers=place.workers,
    )
    spec = dataclasses.replace(
        spec,
        pool=wishes.pool or DEFAULT_POOL,
        priority=Priority(wishes.priority) if wishes.priority else Priority.NORMAL,
    )
    if not (wishes.resume and output):
        return spec
    uri = qualified(place.canonical(output), place.default_filesystem)
    return dataclasses.replace(spec, output_uri=uri)


def _canonical(place: Place, word: str) -> str:
    """A path, or a path after the name of an input, as the cluster knows it."""
    name, equals, path = word.partition("=")
    if equals and name.isidentifier():
        return f"{name}={place.canonical(path)}"
    return place.canonical(word)


def _runner(engine: Engine, spec: JobSpec, *, detach: bool, resume: bool) -> Engine:
    """The engine, or for a loop the one before it that drives its rounds."""
    if not is_loop(spec):
        if resume:
            raise CommandError(f"{spec.name} is no loop: there is nothing to resume", REFUSED)
        return engine
    if detach:
        raise CommandError(
            f"{spec.name} is a loop, and --detach can't leave it running: its rounds are "
            "submitted by this command. After a crash, --resume goes on from the last checkpoint",
            REFUSED,
        )
    from mapred.iterative.loopengine import LoopEngine

    return LoopEngine(engine, resume=resume)


@contextlib.contextmanager
def _scratch(uri: str, *, needed: bool) -> Iterator[None]:
    """Without -o the output lies in a scratch directory, which is gone afterwards."""
    try:
        yield
    finally:
        if needed:
            from mapred.storage import storage_for

            storage_for(uri).delete(uri)


def _tell(wishes: Wishes, status: JobStatus, took_s: float) -> int:
    """Prints what the job is to tell at its end; returns the exit code."""
    to_stdout = wishes.output is None
    if to_stdout and status.state is JobState.SUCCEEDED:
        _write_output(status)
    if wishes.as_json:
        click.echo(status_json(status))
    if status.state is not JobState.SUCCEEDED:
        say(failure_report(status))
        return FAILED
    if not wishes.quiet:
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
