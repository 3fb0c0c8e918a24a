"""`mapred submit`: the words of its command line, and where the job runs.

An embedded engine starts its server of task processes before this one imports what it needs
itself: the two take equally long, and so go on at the same time.
"""

import contextlib
from typing import TYPE_CHECKING

import click

from .engines import choose
from .errors import REFUSED, CommandError

if TYPE_CHECKING:
    from mapred.priority import Priority


def _parameters(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    parameters = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{word}': write name=value, such as -D minimum=4")
        parameters[name] = value
    return parameters


def _priority(_: click.Context, __: click.Parameter, word: str | None) -> "Priority | None":
    from mapred.priority import priority_of

    try:
        return priority_of(word) if word else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


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
    metavar="PRIORITY",
    callback=_priority,
    help="Among the jobs of its pool: very-low, low, normal, high or very-high [default: normal].",
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
    priority: "Priority | None",
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
    with contextlib.closing(place.engine()) as engine:
        from .submission import Wishes, submitted

        wishes = Wishes(
            job,
            inputs,
            output,
            parameters,
            reducers,
            pool,
            priority,
            detach,
            resume,
            quiet,
            as_json,
        )
        return submitted(wishes, place, engine)
