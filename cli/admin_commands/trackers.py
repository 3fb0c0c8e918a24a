"""`mapred admin trackers|drain-tracker|undrain-tracker`: TaskTrackers that come, go and fail."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from ..addresses import jobtracker_option
from ..errors import CommandError
from ..jobengine import engine_at

if TYPE_CHECKING:
    from mapred.client import ClusterEngine
    from mapred.model import TrackerStatus

_PAUSE_S: Final = 0.5

_tracker = click.argument("tracker", metavar="TRACKER")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@jobtracker_option
def trackers(as_json: bool, jobtracker: str | None) -> None:
    """Show the TaskTrackers: which work, which don't, and why.

    \b
    mapred admin trackers
    """
    with engine_at(jobtracker) as engine:
        statuses = engine.trackers()
    if as_json:
        click.echo(json.dumps([asdict(status) for status in statuses], ensure_ascii=False))
        return
    if not statuses:
        click.echo("No TaskTracker has registered.")
        return
    width = max(len(status.info.tracker_id) for status in statuses)
    for status in statuses:
        click.echo(f"{status.info.tracker_id:<{width}}  {_line(status)}")


def _line(status: "TrackerStatus") -> str:
    info = status.info
    load = (
        f"maps {status.maps_running}/{info.map_slots}, "
        f"reduces {status.reduces_running}/{info.reduce_slots}"
    )
    why = f"  ({status.reason})" if status.reason else ""
    return f"{info.host}:{info.port}  {status.state:<11}  {load}{why}"


@click.command("drain-tracker")
@_tracker
@click.option("--wait", is_flag=True, help="Wait until nothing needs the tracker any more.")
@jobtracker_option
def drain_tracker(tracker: str, wait: bool, jobtracker: str | None) -> None:
    """Give a TaskTracker no new tasks, so that it can be stopped without loss.

    TRACKER is its id or HOST:PORT, as `mapred admin trackers` shows them. What it runs goes on,
    and reduces still fetch the map outputs that it has: it's "draining" until nobody needs it,
    then "drained". That holds over restarts, until `undrain-tracker`.

    \b
    mapred admin drain-tracker 10.0.0.4:9868 --wait
    """
    with engine_at(jobtracker) as engine:
        tracker_id, changed = engine.drain_tracker(tracker, drain=True)
        status = _status_of(engine, tracker_id)
        click.echo(f"{tracker_id}: {_standing(status)}" + ("" if changed else ", as before"))
        while wait and status is not None and status.state == "draining":
            time.sleep(_PAUSE_S)
            status = _status_of(engine, tracker_id)
            if status is None or status.state != "draining":
                click.echo(f"{tracker_id}: {_standing(status)}")


@click.command("undrain-tracker")
@_tracker
@jobtracker_option
def undrain_tracker(tracker: str, jobtracker: str | None) -> None:
    """Give a TaskTracker tasks again.

    \b
    mapred admin undrain-tracker 10.0.0.4:9868
    """
    with engine_at(jobtracker) as engine:
        tracker_id, changed = engine.drain_tracker(tracker, drain=False)
    if not changed:
        raise CommandError(f"{tracker_id} is not drained: it gets tasks already")
    click.echo(f"{tracker_id} gets tasks again.")


def _status_of(engine: "ClusterEngine", tracker_id: str) -> "TrackerStatus | None":
    return next((s for s in engine.trackers() if s.info.tracker_id == tracker_id), None)


def _standing(status: "TrackerStatus | None") -> str:
    if status is None:
        return "not registered"
    return f"{status.state}: {status.reason}" if status.reason else status.state
