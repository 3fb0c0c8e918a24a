"""`mapred job list-active-trackers|list-blacklisted-trackers`: as Hadoop's users ask for them."""

import click

from ..addresses import jobtracker_option
from ..jobengine import job_engine


@click.command("list-active-trackers")
@jobtracker_option
def list_active_trackers(jobtracker: str | None) -> None:
    """List the TaskTrackers that are given tasks.

    \b
    mapred job list-active-trackers
    """
    with job_engine(jobtracker) as engine:
        for status in engine.trackers():
            if status.state == "live":
                where = f"{status.info.tracker_id}:{status.info.host}:{status.info.port}"
                click.echo(f"{where}  {status.reason}".rstrip())


@click.command("list-blacklisted-trackers")
@jobtracker_option
def list_blacklisted_trackers(jobtracker: str | None) -> None:
    """List the TaskTrackers that are given none, with the reason.

    \b
    mapred job list-blacklisted-trackers
    """
    with job_engine(jobtracker) as engine:
        for status in engine.trackers():
            if status.state != "live":
                where = f"{status.info.tracker_id}:{status.info.host}:{status.info.port}"
                click.echo(f"{where}  {status.state}  {status.reason}".rstrip())
