"""All jobs that the JobTracker knows, newest first."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from mapred.model import JobStatus
from mapred.web.layout import bar, page, pill, silence, table
from mapred.web.markup import Child, Html, tag
from mapred.web.quantities import moment, number, span
from mapred.web.readings import Reading

# Each round of a loop is a job: nobody reads a table of ten thousand.
JOBS_SHOWN_MAX: Final = 500


def jobs_page(jobs: Reading[list[JobStatus]]) -> Html:
    return page(
        "Jobs",
        silence("JobTracker", jobs),
        [] if jobs.value is None else _newest(jobs.value),
        where="/jobs",
    )


def _newest(jobs: Sequence[JobStatus]) -> list[Child]:
    left_out = len(jobs) - JOBS_SHOWN_MAX
    return [
        jobs_table(jobs[:JOBS_SHOWN_MAX]),
        left_out > 0 and tag("p", f"and {number(left_out)} older ones: mapred job list"),
    ]


def jobs_table(jobs: Sequence[JobStatus]) -> Html:
    return table(
        ["Job", "Name", "User", "State", "Maps", "Reduces", "Submitted (UTC)", "#Took"],
        [_row(job) for job in jobs],
        empty="No job has been submitted yet. Try: mapred submit JOB.py INPUT -o OUTPUT",
    )


def _row(job: JobStatus) -> list[Child]:
    return [
        tag("a", job.job_id, href=f"/jobs/{quote(job.job_id, safe='')}"),
        job.name,
        job.user,
        pill(job.state.value),
        bar(job.map_progress, "maps done"),
        bar(job.reduce_progress, "reduces done") if job.reduces else "none",
        moment(job.submitted_at_s).removesuffix(" UTC"),
        took(job),
    ]


def took(job: JobStatus) -> str:
    """From submission to end; "" while it runs."""
    return span(job.finished_at_s - job.submitted_at_s) if job.finished_at_s else ""
