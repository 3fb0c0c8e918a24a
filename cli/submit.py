"""`mapred submit`: plan a job, run it somewhere, follow it, tell how it ended."""

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from mapred.iterative.status import is_loop
from mapred.model import DEFAULT_POOL, JobState, JobStatus, Priority

from .engines import choose
from .errors import FAILED, REFUSED, CommandError, say
from .failures import failure_report
from .follow import killed_on_interrupt, terminated_by_signal, to_the_end
from .output import counters_table, final_line, hot_keys_lines, skipped_line, status_json, tell
from .progress import progress_for

if TYPE_CHECKING:
    from mapred.engine import Engine
    from mapred.model import JobSpec

    from .engines import Place

COPY_BYTES: Final = 1024 * 1024


def _parameters(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    parameters = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{word}': write name=value, such as -D minimum=4")
        parameters[name] = value
    return parameters


@click.command()
@click.argument("job", metavar="JOB.py[:CLASS]")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Output directory; must not exist. Without it the output goes to stdout.",
)
@click.option(
    "-D",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_parameters,
    help="A parameter of the job; may be repeated. An unknown one lists them all.",
)
@click.option("-r", "--reducers", type=click.IntRange(0), help="Reduce tasks, and so output files.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes, on this machine alone [default: one per processor].",
)
@click.option(
    "--jobtracker",
    metavar="HOST:PORT",
    help="The cluster to run on [default: $MAPRED_JOBTRACKER, then the local cluster; else none].",
)
@click.option(
    "--namenode",
    metavar="HOST:PORT",
    help="Where paths without a scheme lie [default: $MAPRED_NAMENODE, then the cluster's own].",
)
@click.option("--local", is_flag=True, help="On this machine alone, whatever runs.")
@click.option(
    "--pool", metavar="POOL", help="Whose share of the cluster it uses [default: default]."
)
@click.option(
    "--priority",
    type=click.Choice([priority.value for priority in Priority]),
    help="Among the jobs of its pool [default: normal].",
)
@click.option("--detach", is_flag=True, help="Print the job's id and don't wait for its end.")
@click.option(
    "--resume",
    is_flag=True,
    help="Of a loop: go on from the last checkpoint in the output directory.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, no counters.")
@click.option("--json", "as_json", is_flag=True, help="At the end, one JSON object on stdout.")
def submit(
    job: str,
    inputs: tuple[str, ...],
    output: str | None,
    parameters: dict[str, str],
    reducers: int | None,
    workers: int | None,
    jobtracker: str | None,
    namenode: str | None,
    local: bool,
    pool: str | None,
    priority: str | None,
    detach: bool,
    resume: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run the job of a Python file over files, directories and globs.

    \b
    mapred submit wordcount.py book.txt                      (output on stdout)
    mapred submit wordcount.py 'logs/*.gz' -o counts -r 4
    mapred submit jobs.py:MeanLength book.txt -D minimum=4
    mapred submit join.py users=people.csv orders=logs       (a job with named inputs)
    mapred submit --detach wordcount.py /books -o /counts    (on a cluster)
    mapred submit --pool nightly --priority low wordcount.py /books -o /counts

    The job runs on the cluster that is known (--jobtracker, $MAPRED_JOBTRACKER, `mapred cluster
    up`), else on this machine alone. Ctrl-C kills it.
    """
    if detach and not output:
        raise CommandError("--detach needs -o: nobody waits to print the output", REFUSED)
    if resume and not output:
        raise CommandError("--resume needs -o: the checkpoints are in the output", REFUSED)
    place = choose(
        jobtracker=jobtracker, namenode=namenode, local=local, workers=workers, quiet=quiet
    )
    if detach and not place.on_cluster:
        raise CommandError(
            "--detach needs a cluster: the embedded engine ends with this command.\n"
            "  Start one:  mapred cluster up",
            REFUSED,
        )
    from mapred.storage.uris import qualified
    from mapred.submit import plan

    # The engine comes first: an embedded one starts its processes while the job is planned.
    with terminated_by_signal(), contextlib.closing(place.engine()) as engine:
        spec = plan(
            job,
            [_canonical(place, word) for word in inputs],
            # What is resumed is there already.
            output=None if resume or output is None else place.canonical(output),
            params=parameters,
            reducers=reducers,
            default_filesystem=place.default_filesystem,
            workers=place.workers,
        )
        spec = dataclasses.replace(
            spec,
            pool=pool or DEFAULT_POOL,
            priority=Priority(priority) if priority else Priority.NORMAL,
        )
        if resume and output:
            uri = qualified(place.canonical(output), place.default_filesystem)
            spec = dataclasses.replace(spec, output_uri=uri)
        if place.notice and not quiet:
            say(place.notice)
        with _scratch(spec.output_uri, needed=output is None):
            runner = _runner(engine, spec, detach=detach, resume=resume)
            started_s = time.monotonic()
            with killed_on_interrupt(runner, spec.output_uri):
                job_id = runner.submit(spec)
                if detach:
                    click.echo(job_id)
                    return 0
                status = to_the_end(runner, job_id, progress_for(quiet=quiet))
            took_s = time.monotonic() - started_s
            return _tell(status, took_s, to_stdout=output is None, quiet=quiet, as_json=as_json)


def _canonical(place: "Place", word: str) -> str:
    """A path, or a path after the name of an input, as the cluster knows it."""
    name, equals, path = word.partition("=")
    if equals and name.isidentifier():
        return f"{name}={place.canonical(path)}"
    return place.canonical(word)


def _runner(engine: "Engine", spec: "JobSpec", *, detach: bool, resume: bool) -> "Engine":
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


def _tell(status: JobStatus, took_s: float, *, to_stdout: bool, quiet: bool, as_json: bool) -> int:
    """Prints what the job is to tell at its end; returns the exit code."""
    if to_stdout and status.state is JobState.SUCCEEDED:
        _write_output(status)
    if as_json:
        click.echo(status_json(status))
    if status.state is not JobState.SUCCEEDED:
        say(failure_report(status))
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
