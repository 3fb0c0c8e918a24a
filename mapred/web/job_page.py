"""One job: how far it is, why it failed, what it counted, what it wrote."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from mapred.inlinefiles import shown
from mapred.model import Counters, Failure, JobStatus
from mapred.web.jobs_page import took
from mapred.web.layout import bar, facts, notice, page, pill, section, silence, table
from mapred.web.markup import Child, Html, tag
from mapred.web.quantities import moment, number
from mapred.web.readings import Reading

# A job of ten thousand partitions has as many files; a page that lists them helps nobody.
FILES_SHOWN: Final = 200


def job_page(job_id: str, reading: Reading[JobStatus]) -> Html:
    job = reading.value
    return page(
        job_id if job is None else f"{job.name}",
        silence("JobTracker", reading),
        [] if job is None else _job(job),
        where="/jobs",
        refresh=job is None or not job.state.ended,
    )


def _job(job: JobStatus) -> list[Child]:
    return [
        job.waiting_for and notice("busy", f"Waits for: {job.waiting_for}"),
        facts(_facts(job)),
        table(
            ["Phase", "Progress", "#Done", "#Tasks"],
            [
                ["map", bar(job.map_progress, "maps"), number(job.maps_done), number(job.maps)],
                [
                    "reduce",
                    bar(job.reduce_progress, "reduces"),
                    number(job.reduces_done),
                    number(job.reduces),
                ],
            ],
            empty="",
        ),
        section("Why it failed", [_failure(each) for each in job.failures])
        if job.failures
        else None,
        section("Counters", _counters(job.counters)),
        section("Output files", _files(job.output_files)) if job.output_files else None,
    ]


def _facts(job: JobStatus) -> Iterable[tuple[str, Child]]:
    yield "State", pill(job.state.value)
    yield "Job", job.job_id
    yield "User", job.user
    yield "Submitted", moment(job.submitted_at_s)
    if job.finished_at_s:
        yield "Finished", moment(job.finished_at_s)
        yield "Took", took(job)
    yield "Output", job.output_uri
    yield "Attempts running", number(job.attempts_running) if job.attempts_running else ""
    yield "Attempts failed", number(job.attempts_failed) if job.attempts_failed else ""
    yield "Attempts killed", number(job.attempts_killed) if job.attempts_killed else ""


def _failure(failure: Failure) -> Html:
    where = failure.input_uri
    if where and failure.offset >= 0:
        where += f" at byte {number(failure.offset)}"
    return tag(
        "article",
        tag("h3", failure.reason, " ", pill(failure.kind.value)),
        facts(
            [
                ("Host", failure.host),
                ("Input", where),
                ("Record", failure.sample and tag("code", failure.sample)),
            ]
        ),
        failure.traceback and tag("pre", failure.traceback.rstrip()),
        failure.story and tag("pre", "\n".join(failure.story)),
        class_="failure",
    )


def _counters(counters: Counters) -> Html:
    if not counters:
        return tag("p", "None yet.", class_="empty")
    rows: list[Sequence[Child]] = []
    for group, entries in groupby(sorted(counters.items()), key=lambda entry: entry[0][0]):
        for place, ((_, name), value) in enumerate(entries):
            rows.append([group if place == 0 else "", name, number(value)])
    return table(["Group", "Counter", "#Value"], rows, empty="")


def _files(files: Sequence[str]) -> list[Child]:
    left_out = len(files) - FILES_SHOWN
    return [
        tag("ul", [tag("li", tag("code", shown(name))) for name in files[:FILES_SHOWN]]),
        left_out > 0 and tag("p", f"and {number(left_out)} more"),
    ]
