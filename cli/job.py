"""`mapred job`: the jobs of a cluster."""

import json
import time
from typing import TYPE_CHECKING

import click

from .addresses import jobtracker_option
from .errors import FAILED
from .hadoopwords import HadoopWords
from .jobengine import job_engine

if TYPE_CHECKING:
    from mapred.model import JobStatus


class JobGroup(HadoopWords):
    """Takes `-status` for `status`, as Hadoop's command does."""

    lazy = {  # noqa: RUF012  (declared a ClassVar above)
        "history": "job_commands.history:history",
        "events": "job_commands.history:events",
        "list-attempt-ids": "job_commands.history:list_attempt_ids",
        "logs": "job_commands.logs:logs",
        "kill-task": "job_commands.attempts:kill_task",
        "fail-task": "job_commands.attempts:fail_task",
        "counter": "job_commands.counter:counter",
        "set-priority": "job_commands.priority:set_priority",
        "list-active-trackers": "job_commands.trackers:list_active_trackers",
        "list-blacklisted-trackers": "job_commands.trackers:list_blacklisted_trackers",
    }


@click.group(cls=JobGroup)
@jobtracker_option
@click.pass_context
def job(ctx: click.Context, jobtracker: str | None) -> None:
    """Jobs of a cluster.

    \b
    mapred job list
    mapred job status job_20261123_0001
    mapred job kill job_20261123_0001

    Hadoop's spellings work, too: mapred job -list all, -status ID, -counter ID GROUP NAME.
    """
    ctx.obj = jobtracker


json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@job.command("list")
@click.argument("which", default="all", metavar="[all|running]")
@json_option
@jobtracker_option
def list_(which: str, as_json: bool, jobtracker: str | None) -> None:
    """List jobs, newest first.

    \b
    mapred job list
    mapred job list running
    """
    if which not in ("all", "running"):
        raise click.BadParameter(f"'{which}' is neither all nor running")
    from .output import status_object

    with job_engine(jobtracker) as engine:
        jobs = [job for job in engine.jobs() if which == "all" or not job.state.ended]
    if as_json:
        click.echo(json.dumps([status_object(status) for status in jobs], ensure_ascii=False))
        return
    if not jobs:
        click.echo("No jobs yet." if which == "all" else "No job runs.")
        return
    width = max(len(status.job_id) for status in jobs)
    for status in jobs:
        click.echo(f"{status.job_id:<{width}}  {_summary(status)}")


def _summary(status: "JobStatus") -> str:
    from .listing import when
    from .progress import percent_line

    done = "" if status.state.ended else percent_line(status)
    return (
        f"{status.state.value:<10}  {when(status.submitted_at_s)}  {_took(status):>9}  "
        f"{status.user:<10}  {status.name}{done}"
    )


def _took(status: "JobStatus") -> str:
    until = status.finished_at_s or time.time()
    return f"{max(0.0, until - status.submitted_at_s):.1f} s"


@job.command()
@click.argument("job_id", metavar="ID")
@json_option
@jobtracker_option
def status(job_id: str, as_json: bool, jobtracker: str | None) -> None:
    """Show one job: state, progress, failures.

    \b
    mapred job status job_20261123_0001
    """
    from .output import status_json

    with job_engine(jobtracker) as engine:
        found, _ = engine.status(job_id)
    if as_json:
        click.echo(status_json(found))
        return
    for line in _details(found):
        click.echo(line)


def _details(status: "JobStatus") -> list[str]:
    from .failures import failure_report, shown_uri
    from .progress import percent

    maps = f"{percent(status.map_progress)}%, {status.maps_done} of {status.maps} done"
    reduces = f"{percent(status.reduce_progress)}%, {status.reduces_done} of {status.reduces} done"
    attempts = ", ".join(
        (
            f"{status.attempts_running} running",
            f"{status.attempts_failed} failed",
            f"{status.attempts_killed} killed",
        )
    )
    lines = [
        f"{status.job_id} ({status.name}) of {status.user}",
        f"  state    {status.state.value}, {_took(status)}",
        f"  maps     {maps}",
        f"  reduces  {reduces}",
        f"  attempts {attempts}",
        f"  output   {shown_uri(status.output_uri)}",
    ]
    if status.notification:
        lines.append(f"  notified {status.notification}")
    if status.waiting_for:
        lines.append(f"  waiting  {status.waiting_for}")
    if status.failures:
        lines += ["", failure_report(status)]
    return lines


@job.command()
@click.argument("job_id", metavar="ID")
@jobtracker_option
def kill(job_id: str, jobtracker: str | None) -> int:
    """End a job; exit code 1 when it had ended before.

    \b
    mapred job kill job_20261123_0001
    """
    with job_engine(jobtracker) as engine:
        killed = engine.kill(job_id, "killed by `mapred job kill`")
        state = engine.status(job_id)[0].state
    if killed:
        click.echo(f"{job_id} is killed.")
        return 0
    click.echo(f"{job_id} had ended before: {state.value}.")
    return FAILED


@job.command()
@click.argument("job_id", metavar="ID")
@json_option
@jobtracker_option
def counters(job_id: str, as_json: bool, jobtracker: str | None) -> None:
    """Show a job's counters.

    \b
    mapred job counters job_20261123_0001
    """
    from .output import counters_table, status_object

    with job_engine(jobtracker) as engine:
        found, _ = engine.status(job_id)
    if as_json:
        click.echo(json.dumps(status_object(found)["counters"], ensure_ascii=False))
        return
    click.echo(counters_table(found.counters))
