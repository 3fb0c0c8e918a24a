"""What is to be said of every tracker: live, dead, draining, drained, quarantined or unhealthy,
and why."""

from dataclasses import replace

from mapred.errors import NoSuchTrackerError
from mapred.jobtracker.book import Book
from mapred.jobtracker.feeding import needs_outputs
from mapred.jobtracker.quarantine import Quarantine
from mapred.jobtracker.trackers import Trackers
from mapred.model import TrackerStatus


def tracker_statuses(
    book: Book, trackers: Trackers, quarantine: Quarantine, now: float
) -> list[TrackerStatus]:
    """Sorted by id; the dead ones too, until they come back."""
    return [_with_duty(status, book, quarantine, now) for status in trackers.status(now)]


def _with_duty(
    status: TrackerStatus, book: Book, quarantine: Quarantine, now: float
) -> TrackerStatus:
    tracker_id = status.info.tracker_id
    if status.state != "live":
        return status
    if tracker_id in book.drained:
        reason = _still_needed(status, book)
        return replace(status, state="draining" if reason else "drained", reason=reason)
    if tracker_id in quarantine:
        return replace(status, state="quarantined", reason=quarantine.reason(tracker_id, now))
    bad = "; ".join(status.info.bad_directories)
    if status.info.refuses:
        return replace(status, state="unhealthy", reason=f"no local directory can be used: {bad}")
    return replace(status, reason=f"not used: {bad}") if bad else status


def _still_needed(status: TrackerStatus, book: Book) -> str:
    attempts = status.maps_running + status.reduces_running
    outputs = sum(
        len(job.outputs_on.get(status.info.tracker_id, ()))
        for job in book.jobs.values()
        if needs_outputs(job)
    )
    needs = []
    if attempts:
        needs.append(f"{attempts} attempt{'s' if attempts > 1 else ''} running")
    if outputs:
        needs.append(f"{outputs} map output{'s' if outputs > 1 else ''} that reduces still need")
    return ", ".join(needs)


def tracker_called(word: str, book: Book, trackers: Trackers) -> str:
    """A tracker's id, of its id or host:port.

    Raises:
        NoSuchTrackerError: none is called so, or it left long ago.
    """
    tracker_id = trackers.find(word) or (word if word in book.drained else None)
    if tracker_id is None:
        known = ", ".join(sorted(trackers.live)) or "none"
        raise NoSuchTrackerError(f"no TaskTracker '{word}' here. There are: {known}")
    return tracker_id
