"""`mapred job kill-task|fail-task`: the end of one attempt, for Hadoop's users by its own words."""

import click

from ..addresses import jobtracker_option
from ..errors import FAILED
from ..jobengine import job_engine


@click.command("kill-task")
@click.argument("attempt", metavar="ATTEMPT")
@jobtracker_option
def kill_task(attempt: str, jobtracker: str | None) -> int:
    """End one attempt; its task is tried again, and that doesn't count as a failure.

    Exit code 1 when it had ended before. ATTEMPT is as in
    `mapred job list-attempt-ids ID map running`.

    \b
    mapred job kill-task attempt_20261123_0001_m_000000_0
    """
    return _end(attempt, jobtracker, fail=False)


@click.command("fail-task")
@click.argument("attempt", metavar="ATTEMPT")
@jobtracker_option
def fail_task(attempt: str, jobtracker: str | None) -> int:
    """End one attempt as failed: it counts as if the task's own code had failed.

    Exit code 1 when it had ended before.

    \b
    mapred job fail-task attempt_20261123_0001_m_000000_0
    """
    return _end(attempt, jobtracker, fail=True)


def _end(word: str, jobtracker: str | None, *, fail: bool) -> int:
    from mapred.idwords import attempt_in

    attempt = attempt_in(word)
    if attempt is None:
        raise click.BadParameter(
            f"'{word}' is no attempt, such as attempt_20261123_0001_m_000000_0"
        )
    verb = "fail-task" if fail else "kill-task"
    with job_engine(jobtracker) as engine:
        ended = engine.end_attempt(attempt, f"ended by `mapred job {verb}`", fail=fail)
    if ended:
        click.echo(f"{attempt} is {'failed' if fail else 'killed'}.")
        return 0
    click.echo(f"{attempt} had ended before.")
    return FAILED
