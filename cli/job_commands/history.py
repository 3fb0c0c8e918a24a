"""`mapred job history|events|list-attempt-ids`: how a job went, or goes, from its story."""

import contextlib
import itertools
import json
import time
from typing import IO, TYPE_CHECKING, Final

import click

from ..addresses import jobtracker_option
from ..errors import CommandError
from ..jobengine import job_engine

# Hadoop's words for how an attempt is, and ours; it knows no lost ones.
OUTCOMES: Final = {
    "running": ["running"],
    "completed": ["succeeded"],
    "failed": ["failed"],
    "killed": ["killed"],
    "lost": ["lost", "output lost"],
}

if TYPE_CHECKING:
    from mapred.jobhistory import AttemptStory, JobStory, PhaseStory
    from mapred.jobtracker.entries import Entry


def _entries(job_id: str, jobtracker: str | None) -> "list[Entry]":
    """Raises CommandError: its story is gone."""
    from blockstore import BlockStore
    from blockstore.errors import FileNotFoundException
    from mapred.errors import NoSuchJobError
    from mapred.jobtracker.stories import decode_story, story_path

    with job_engine(jobtracker) as engine:
        # An unknown job is told so; one that ends just now has its story in the store.
        if not engine.status(job_id)[0].state.ended:
            with contextlib.suppress(NoSuchJobError):
                return decode_story(engine.story(job_id), job_id)
        with BlockStore(engine.namenode()) as store:
            try:
                with store.open(story_path(job_id), "rb") as file:
                    return decode_story(file.read(), story_path(job_id))
            except FileNotFoundException:
                raise CommandError(
                    f"no history of {job_id} in {story_path(job_id)}: it was never written, or "
                    "somebody has removed it, or its end is still being told to its notify_url. "
                    f"What is left:  mapred job status {job_id}"
                ) from None


def _story(job_id: str, jobtracker: str | None) -> "JobStory":
    from mapred.jobhistory import story_of

    if story := story_of(_entries(job_id, jobtracker), time.time()):
        return story
    raise CommandError(f"the history of {job_id} isn't whole")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@click.option(
    "--trace",
    type=click.File("w", encoding="utf-8"),
    metavar="FILE",
    help="Write a timeline for chrome://tracing or ui.perfetto.dev.",
)
@jobtracker_option
def history(job_id: str, as_json: bool, trace: IO[str] | None, jobtracker: str | None) -> None:
    """Show how a job went, or goes: times, attempts, stragglers, failures.

    \b
    mapred job history job_20261123_0001
    mapred job history job_20261123_0001 --trace timeline.json
    """
    from mapred.jobhistory import as_object, as_trace

    story = _story(job_id, jobtracker)
    if trace:
        trace.write(json.dumps(as_trace(story)))
    if as_json:
        click.echo(json.dumps(as_object(story), ensure_ascii=False))
    elif not trace:
        click.echo("\n".join(lines_of(story)))


def lines_of(story: "JobStory") -> list[str]:
    """The history for people."""
    took_s = story.ended_at_s - story.submitted_at_s
    lines = [f"{story.id} ({story.spec.name}) of {story.spec.user}: {story.state}, {took_s:.1f} s"]
    for phase in story.phases:
        lines += _phase_lines(phase)
    if story.maps_run:
        lines.append(f"  {story.maps_local} of {story.maps_run} maps ran where their input lies")
    failed = [one for one in story.attempts if one.failure and one.outcome != "succeeded"]
    if failed:
        lines.append("  attempts that didn't succeed")
        lines += [f"    {_attempt_line(one)}" for one in failed]
    return lines


def _phase_lines(phase: "PhaseStory") -> list[str]:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(phase.outcomes.items()))
    lines = [f"  {phase.name}: {phase.tasks} tasks; attempts: {outcomes or 'none'}"]
    if phase.seconds:
        least, low, median, high, most = phase.seconds
        lines.append(
            f"    seconds: least {least:.2f}, quartiles {low:.2f} {median:.2f} {high:.2f}, "
            f"most {most:.2f}"
        )
    lines += [f"    {name:<22} {value:>15,}" for name, value in sorted(phase.counters.items())]
    lines += [f"    straggler: {_attempt_line(one)}" for one in phase.stragglers]
    return lines


def _attempt_line(one: "AttemptStory") -> str:
    why = f": {one.failure.reason}" if one.failure else ""
    return f"{one.id} on {one.host}, {one.outcome} after {one.took_s:.2f} s{why}"


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("first", type=click.IntRange(0), default=0)
@click.argument("count", type=click.IntRange(1), required=False)
@jobtracker_option
def events(job_id: str, first: int, count: int | None, jobtracker: str | None) -> None:
    """List what happened to a job, event by event: COUNT of them (all) from number FIRST.

    \b
    mapred job events job_20261123_0001 0 100
    """
    last = None if count is None else first + count
    numbered = enumerate(_entries(job_id, jobtracker))
    for number, entry in itertools.islice(numbered, first, last):
        click.echo(f"{number}  {_event_line(entry)}")


def _event_line(entry: "Entry") -> str:
    # Not all have a time; they follow from those before.
    at_s = getattr(entry, "at_s", 0.0)
    at = f"{at_s:.3f}" if at_s else "-"
    attempt = getattr(entry, "attempt", "")
    event = getattr(entry, "event", None)
    what = event.value if event else type(entry).__name__
    return f"{at}  {what}  {attempt}".rstrip()


@click.command("list-attempt-ids")
@click.argument("job_id", metavar="ID")
@click.argument("kind", type=click.Choice(["map", "reduce"], case_sensitive=False))
@click.argument("state", type=click.Choice([*OUTCOMES, "all"], case_sensitive=False), default="all")
@jobtracker_option
def list_attempt_ids(job_id: str, kind: str, state: str, jobtracker: str | None) -> None:
    """List the attempts of a job, all or those that are in one state.

    \b
    mapred job list-attempt-ids job_20261123_0001 map completed
    mapred job -list-attempt-ids job_20261123_0001 REDUCE running
    """
    wanted = OUTCOMES.get(state)
    for one in _story(job_id, jobtracker).attempts:
        is_wanted = wanted is None or one.outcome in wanted
        if is_wanted and one.id.kind.value == kind[0].lower():
            click.echo(str(one.id))
