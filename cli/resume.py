"""`mapred resume`: a loop whose command, JobTracker or whole cluster died goes on."""

import contextlib
from typing import TYPE_CHECKING, Final

import click

from .engines import Place, choose
from .errors import REFUSED, CommandError, say

if TYPE_CHECKING:
    from mapred.iterative.ledger import Ledger, LoopRecord

LISTED_MAX: Final = 20


@click.command()
@click.argument("loop_id", metavar="[ID]", required=False)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes, on this machine alone [default: one per processor].",
)
@click.option(
    "--jobtracker",
    metavar="HOST:PORT",
    help="The cluster it ran on [default: $MAPRED_JOBTRACKER, then the local cluster; else none].",
)
@click.option(
    "--namenode",
    metavar="HOST:PORT",
    help="Where it is written down [default: $MAPRED_NAMENODE, then the cluster's own].",
)
@click.option("--local", is_flag=True, help="It ran on this machine alone.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no counters.")
@click.option("--json", "as_json", is_flag=True, help="At the end, one JSON object on stdout.")
def resume(
    loop_id: str | None,
    workers: int | None,
    jobtracker: str | None,
    namenode: str | None,
    local: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Go on with a loop from its last checkpoint; without ID, list those that can.

    \b
    mapred resume
    mapred resume loop_20261130031500_1a2b3c4d

    For loops of `mapred submit` whose command, JobTracker or whole cluster died, that failed, or
    were killed. They go on with the code, parameters and input that they were submitted with, and
    come to the same result, bit for bit. One that had no checkpoint yet begins at its start.
    """
    place = choose(
        jobtracker=jobtracker, namenode=namenode, local=local, workers=workers, quiet=quiet
    )
    from .loopbook import ledger_of

    ledger = ledger_of(place)
    if loop_id is None:
        _list(ledger)
        return 0
    record = _record(ledger, loop_id)
    if record.succeeded:
        say(f"{loop_id} ({record.spec.name}) has {record.ended}{_where(record)}")
        return 0
    from mapred.iterative.ledger import refuse_changed

    refuse_changed(record)
    return _resumed(record, ledger, place, quiet=quiet, as_json=as_json)


def _resumed(
    record: "LoopRecord", ledger: "Ledger", place: Place, *, quiet: bool, as_json: bool
) -> int:
    from mapred.iterative.checkpoint import Checkpoints, origin_of
    from mapred.iterative.loopengine import LoopEngine
    from mapred.storage import storage_for

    from .follow import terminated_by_signal
    from .running import run_to_the_end

    with contextlib.closing(place.engine()) as engine, terminated_by_signal():
        if place.notice and not quiet:
            say(place.notice)
        spec = record.spec
        if not Checkpoints(spec.output_uri, storage_for(spec.output_uri), origin_of(spec)):
            say(f"{record.loop_id} has left no checkpoint: it begins at its start")
        loops = LoopEngine(engine, begun=record, ledger=ledger, to_stdout=record.to_stdout)
        return run_to_the_end(loops, spec, to_stdout=record.to_stdout, quiet=quiet, as_json=as_json)


def _record(ledger: "Ledger", loop_id: str) -> "LoopRecord":
    from mapred.errors import NoSuchJobError

    if loop_id.startswith("job_"):
        raise CommandError(
            f"{loop_id} is a job, not a loop: it goes on by itself when its JobTracker is back.\n"
            f"  Ask:  mapred job status {loop_id}",
            REFUSED,
        )
    try:
        return ledger.read(loop_id)
    except NoSuchJobError as error:
        raise CommandError(
            f"{error}.\n  What can be resumed:  mapred resume\n"
            "  It may have run elsewhere: give --jobtracker HOST:PORT, or --local",
            REFUSED,
        ) from None


def _list(ledger: "Ledger") -> None:
    from mapred.errors import MapredError

    shown = 0
    for loop_id in ledger.loop_ids():
        try:
            record = ledger.read(loop_id)
        except MapredError:
            # Removed meanwhile, or of another version.
            continue
        if record.succeeded or (not record.ended and record.driver.lives_here):
            continue
        click.echo(f"{loop_id}  {record.spec.name}  {record.ended or 'cut off'}{_where(record)}")
        if (shown := shown + 1) == LISTED_MAX:
            return
    if not shown:
        click.echo("No loop here waits to be resumed.")


def _where(record: "LoopRecord") -> str:
    from .failures import shown_uri

    return "" if record.to_stdout else f"; output in {shown_uri(record.spec.output_uri)}"
