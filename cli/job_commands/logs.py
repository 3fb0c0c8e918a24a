"""`mapred job logs`: what the attempts of a job have printed and logged, wherever they ran."""

import json
from typing import TYPE_CHECKING

import click

from ..addresses import jobtracker_option
from ..errors import FAILED, CommandError, say
from ..jobengine import job_engine

if TYPE_CHECKING:
    from mapred.joblogs import JobLogs
    from mapred.keptlogs import AttemptLogs


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("which", metavar="[TASK|ATTEMPT]", required=False)
@click.option(
    "--stream",
    type=click.Choice(["stdout", "stderr", "log"]),
    help="Only what was printed, printed as errors, or said through Python's logging.",
)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each attempt.")
@jobtracker_option
def logs(
    job_id: str, which: str | None, stream: str | None, as_json: bool, jobtracker: str | None
) -> None:
    """Show what a job's attempts have said: its end, also of attempts on machines that are gone.

    TASK and ATTEMPT are as in `mapred job history`; m_0 is the first map, r_2_1 the third reduce's
    second attempt.

    \b
    mapred job logs job_20261123_0001
    mapred job logs job_20261123_0001 m_0 --stream stderr
    """
    from mapred.idwords import parsed
    from mapred.joblogs import logs_of

    wanted = parsed(which, job_id) if which else None
    if which and wanted is None:
        raise click.BadParameter(
            f"'{which}' is no task or attempt of {job_id}, such as m_0 or m_0_1"
        )
    with job_engine(jobtracker) as engine:
        # An unknown job is told so.
        engine.status(job_id)
        found = logs_of(job_id, engine.trackers(), engine.namenode())
    chosen = [
        one
        for attempt, one in sorted(found.logs.items())
        if wanted in (None, attempt, attempt.task) and (stream is None or stream in one.texts)
    ]
    for one in chosen:
        _show(one, stream, as_json)
    _remark(found)
    if which and not chosen:
        said = "nothing" if stream is None else f"nothing as {stream}"
        raise CommandError(f"{which} of {job_id} has said {said}, or hasn't run", FAILED)
    if not chosen:
        say(f"no attempt of {job_id} has said anything")


def _show(one: "AttemptLogs", stream: str | None, as_json: bool) -> None:
    texts = {name: text for name, text in one.texts.items() if stream in (None, name)}
    if as_json:
        fields = {"attempt": str(one.attempt), **texts}
        click.echo(json.dumps(fields, ensure_ascii=False))
        return
    for name, text in texts.items():
        click.echo(f"== {one.attempt} {name}")
        click.echo(text, nl=not text.endswith("\n"))


def _remark(found: "JobLogs") -> None:
    for why in found.unreached:
        say(f"mapred: not asked, so its running attempts are missing: {why}")
    if found.dropped:
        say(f"mapred: {found.dropped} more attempts said something that there was no room to keep")
