"""`mapred job counter ID GROUP NAME`: one number, for scripts; in our words or Hadoop's."""

from typing import TYPE_CHECKING, Final

import click

from ..addresses import jobtracker_option
from ..errors import FAILED, CommandError
from ..jobengine import job_engine

if TYPE_CHECKING:
    from mapred.model import Counters

# Hadoop's groups end in these; ours is that of the record loops.
_HADOOPS_GROUPS: Final = ("TaskCounter", "Task$Counter")
_OURS: Final = "task"
# Hadoop's names that aren't ours in capitals.
_HADOOPS_NAMES: Final = {"REDUCE_SHUFFLE_BYTES": "shuffle_bytes", "BYTES_READ": "input_bytes"}


def value_of(counters: "Counters", group: str, name: str) -> int:
    """Raises CommandError: no such counter, with those there are."""
    known = dict(counters)
    if (group, name) in known:
        return known[group, name]
    if group.endswith(_HADOOPS_GROUPS):
        ours = _OURS, _HADOOPS_NAMES.get(name, name.lower())
        if ours in known:
            return known[ours]
    there = ", ".join(f"{one} {other}" for one, other in sorted(known)) or "none"
    raise CommandError(
        f"the job has no counter '{name}' in group '{group}'. It has: {there}", FAILED
    )


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("group")
@click.argument("name")
@jobtracker_option
def counter(job_id: str, group: str, name: str, jobtracker: str | None) -> None:
    """Show one counter of a job: a number.

    \b
    mapred job counter job_20261123_0001 task map_input_records
    mapred job -counter job_20261123_0001 org.apache.hadoop.mapreduce.TaskCounter MAP_INPUT_RECORDS
    """
    with job_engine(jobtracker) as engine:
        found, _ = engine.status(job_id)
    click.echo(value_of(found.counters, group, name))
