"""`mapred queue`: the pools of a cluster, under Hadoop's name for them."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .addresses import jobtracker_option
from .errors import CommandError
from .hadoopwords import HadoopWords
from .jobengine import job_engine

if TYPE_CHECKING:
    from mapred.model import PoolStatus


@click.group(cls=HadoopWords)
@jobtracker_option
@click.pass_context
def queue(ctx: click.Context, jobtracker: str | None) -> None:
    """Pools: whose jobs share a cluster, and how.

    \b
    mapred queue list
    mapred queue info nightly --show-jobs
    """
    ctx.obj = jobtracker


@queue.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@jobtracker_option
def list_(as_json: bool, jobtracker: str | None) -> None:
    """List the pools and what runs in them.

    \b
    mapred queue list
    """
    with job_engine(jobtracker) as engine:
        pools = engine.pools()
    if as_json:
        click.echo(json.dumps([asdict(pool) for pool in pools], ensure_ascii=False))
        return
    for pool in pools:
        click.echo("\n".join(_lines(pool)))


@queue.command()
@click.argument("name")
@click.option("--show-jobs", "-showJobs", "show_jobs", is_flag=True, help="List its jobs, too.")
@jobtracker_option
def info(name: str, show_jobs: bool, jobtracker: str | None) -> None:
    """Show one pool.

    \b
    mapred queue info nightly --show-jobs
    """
    with job_engine(jobtracker) as engine:
        pools = {pool.name: pool for pool in engine.pools()}
        jobs = engine.jobs() if show_jobs else []
    if name not in pools:
        known = ", ".join(pools) or "none"
        raise CommandError(f"there is no pool '{name}'. There are: {known}")
    click.echo("\n".join(_lines(pools[name])))
    for job in jobs:
        if job.pool == name and not job.state.ended:
            click.echo(f"  {job.job_id}  {job.priority.value}  {job.user}  {job.name}")


def _lines(pool: "PoolStatus") -> list[str]:
    return [
        f"{pool.name}: {pool.jobs_running} jobs, {pool.order} among them",
        f"  weight {pool.weight:g}, at least {pool.min_maps} maps and {pool.min_reduces} reduces",
        f"  maps {pool.maps_running} running, {pool.maps_waiting} waiting",
        f"  reduces {pool.reduces_running} running, {pool.reduces_waiting} waiting",
    ]
