"""Progress off the terminal: Hadoop's words, and only news."""

import dataclasses

import pytest
from mapred_cli import progress
from mapred_cli.progress import Lines, percent

from mapred.model import JobState, JobStatus

RUNNING = JobStatus(
    job_id="job_1",
    name="WordCount",
    user="ana",
    state=JobState.RUNNING,
    map_progress=0.0,
    reduce_progress=0.0,
    maps=4,
    maps_done=0,
    reduces=1,
    reduces_done=0,
    submitted_at_s=0.0,
    finished_at_s=0.0,
    output_uri="file:///out",
)


@pytest.fixture
def lines(monkeypatch):
    """Lines that are never held back for coming too fast."""
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    return Lines()


def _at(maps, reduces, **changes):
    return dataclasses.replace(RUNNING, map_progress=maps, reduce_progress=reduces, **changes)


def test_lines_are_hadoops(lines, capsys):
    lines.show(_at(0.57, 0.12))

    assert capsys.readouterr().err == " map 57% reduce 12%\n"


def test_a_line_comes_only_when_a_number_changes(lines, capsys):
    for maps in (0.5, 0.501, 0.509, 0.51):
        lines.show(_at(maps, 0.0))

    assert capsys.readouterr().err == " map 50% reduce 0%\n map 51% reduce 0%\n"


def test_lines_that_come_too_fast_are_left_out_but_never_the_last(capsys):
    lines = Lines()
    for maps in (0.1, 0.2, 0.3):
        lines.show(_at(maps, 0.0))
    lines.show(_at(1.0, 1.0, state=JobState.SUCCEEDED))

    assert capsys.readouterr().err == " map 10% reduce 0%\n map 100% reduce 100%\n"


def test_why_nothing_runs_is_said_once(lines, capsys):
    for _ in range(3):
        lines.show(_at(0.0, 0.0, waiting_for="no TaskTracker is there"))

    assert capsys.readouterr().err == (" map 0% reduce 0%\n waiting: no TaskTracker is there\n")


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, 0), (0.999, 99), (0.9999, 99), (1.0, 100), (sum([0.1] * 10), 100), (0.29, 29)],
)
def test_a_hundred_percent_means_done(fraction, shown):
    assert percent(fraction) == shown


def test_quiet_shows_nothing(capsys):
    with progress.progress_for(quiet=True) as silence:
        silence.show(RUNNING)

    assert capsys.readouterr().err == ""
