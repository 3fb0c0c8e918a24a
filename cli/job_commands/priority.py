"""`mapred job set-priority`: which of a pool's jobs goes first, also while they run."""

import click

from ..addresses import jobtracker_option
from ..errors import FAILED
from ..jobengine import job_engine


@click.command("set-priority")
@click.argument("job_id", metavar="ID")
@click.argument("priority", metavar="PRIORITY")
@jobtracker_option
def set_priority(job_id: str, priority: str, jobtracker: str | None) -> int:
    """Change a job's priority; exit code 1 when it had ended before.

    PRIORITY is very-low, low, normal, high or very-high; Hadoop's VERY_HIGH means the same.

    \b
    mapred job set-priority job_20261123_0001 high
    """
    from mapred.priority import priority_of

    try:
        chosen = priority_of(priority)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    with job_engine(jobtracker) as engine:
        if engine.set_priority(job_id, chosen):
            click.echo(f"{job_id} has priority {chosen.value}.")
            return 0
        state = engine.status(job_id)[0].state
    click.echo(f"{job_id} had ended before: {state.value}.")
    return FAILED
