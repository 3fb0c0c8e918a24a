"""Why nothing of a job runs just now, in words for its user; empty when something does."""

from mapred.jobtracker.fitness import unfit_words, why_none_fits
from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.scheduler import Field
from mapred.jobtracker.trackers import Trackers
from mapred.model import TaskKind


def why_waiting(job: Job, field: Field, trackers: Trackers, left_s: float) -> str:
    """`left_s`: until a job that no tracker can run is given up."""
    if job.phase is Phase.PREPARING:
        return "the output directory is being made"
    if job.phase is Phase.ENDING:
        return "ending: killed attempts are being waited for" if job.live else ""
    # Asked of every job at every tick: so without a look at all trackers, where there are any.
    if not field.trackers and (
        refusing := [tracker.info for tracker in trackers if tracker.info.refuses]
    ):
        each = "; ".join(f"{info.host}: {', '.join(info.bad_directories)}" for info in refusing)
        why = f"no TaskTracker has a local directory with room: {each}"
        return f"{why} (given up in {max(left_s, 0):.0f} s)"
    if not field.trackers and trackers.live:
        return f"every TaskTracker is being drained (given up in {max(left_s, 0):.0f} s)"
    if not field.trackers:
        return f"no TaskTracker is registered (given up in {max(left_s, 0):.0f} s)"
    if not field.usable(job):
        infos = [tracker.info for tracker in field.trackers]
        why = why_none_fits(job.spec, infos) or unfit_words(job.unfit.values())
        return f"{why} (given up in {max(left_s, 0):.0f} s)"
    if job.live:
        return ""
    if not any(trackers.free.values()):
        return "no TaskTracker has a free slot"
    cpus = job.spec.task_cpus
    if cpus > 1 and not any(
        tracker.free(kind) >= cpus
        for tracker in field.usable(job).values()
        for kind in TaskKind
        if job.pending[kind]
    ):
        return f"no TaskTracker has {cpus} slots free at once"
    wanted = job.spec.task_memory_bytes
    if wanted and not any(t.has_memory(wanted) for t in field.usable(job).values()):
        return f"no TaskTracker has {wanted:,} bytes of memory free"
    return ""
