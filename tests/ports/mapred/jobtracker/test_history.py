"""One suite for every place where the JobTracker keeps its history."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mapred.jobtracker.attempts import Event
from mapred.jobtracker.entries import (
    AttemptLaunched,
    AttemptMoved,
    Entry,
    EpochBegan,
    JobArchived,
    JobEnded,
    JobEnding,
    JobForgotten,
    JobSubmitted,
    OutputPrepared,
)
from mapred.jobtracker.history import History, HistoryCorruptError, MemoryHistory
from mapred.jobtracker.segments import LocalFolder, ReplacedError, SegmentedHistory, SegmentFile
from mapred.model import (
    Failure,
    FailureKind,
    JobSpec,
    JobState,
    JobStatus,
    MapOutput,
    Split,
    TaskId,
)

M0 = TaskId("job_1", "m", 0).attempt(0)
SPEC = JobSpec(
    "wörter", "me", "0", "u", "m", "J", (Split("file:///ä", 0, 9, ("h",)),), 1, "file:///o",
    settings={"a": "b"},
)  # fmt: skip
FAILURE = Failure(FailureKind.FATAL, "no", "trace\nback", "file:///in", 7, "sample\n")
STATUS = JobStatus(
    "job_0", "n", "u", JobState.FAILED, 1.0, 0.5, 1, 1, 2, 1, 5.0, 6.0, "file:///o", (FAILURE,)
)
EVERY_KIND: list[Entry] = [
    EpochBegan(3, 7),
    JobArchived("job_0", "request", STATUS, (("g", "n", 5),)),
    JobSubmitted("job_1", "request-1", SPEC, 3, 100.5),
    OutputPrepared("job_1"),
    AttemptLaunched(M0, "t", "h"),
    AttemptMoved(
        M0, Event.OUTPUT_MADE, None, (("g", "n", -1),), MapOutput(0, 0, "t", "h", 1, "/p", 5)
    ),
    AttemptMoved(M0, Event.PART_WRITTEN, None, (), None, "file:///o/_temporary/a/p", "p"),
    AttemptMoved(M0, Event.FAILED, FAILURE),
    JobEnding("job_1", JobState.FAILED, (FAILURE,)),
    JobEnded("job_1", JobState.FAILED, 200.25, (FAILURE,)),
    JobForgotten("job_1"),
]


@pytest.fixture(params=["memory", "files"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], History]]:
    """The same history as a new process finds it."""
    memory = MemoryHistory()
    opened: list[History] = []

    def reopen() -> History:
        if request.param == "files":
            opened.append(SegmentedHistory(LocalFolder(str(tmp_path))))
        else:
            memory.crash()
            opened.append(memory)
        return opened[-1]

    yield reopen
    for history in opened:
        history.close()


def test_a_new_history_is_empty(reopened: Callable[[], History]) -> None:
    assert reopened().load() == []


def test_entries_of_every_kind_come_back_as_they_were(reopened: Callable[[], History]) -> None:
    history = reopened()
    history.begin(EVERY_KIND[:2])
    history.append(EVERY_KIND[2:])
    history.sync()

    assert reopened().load() == EVERY_KIND


def test_a_snapshot_replaces_all_before_it(reopened: Callable[[], History]) -> None:
    history = reopened()
    history.begin(EVERY_KIND[:1])
    history.append(EVERY_KIND[2:4])
    history.sync()
    history.begin([EpochBegan(4, 8)])
    history.append([OutputPrepared("job_2")])
    history.close()

    assert reopened().load() == [EpochBegan(4, 8), OutputPrepared("job_2")]


def _begun(folder: Path) -> SegmentedHistory:
    history = SegmentedHistory(LocalFolder(str(folder)))
    history.begin(EVERY_KIND[:3])
    history.append(EVERY_KIND[3:])
    history.close()
    return history


@pytest.mark.parametrize("cut", [1, 3, 20])
def test_a_torn_last_line_is_cut(tmp_path: Path, cut: int) -> None:
    _begun(tmp_path)
    (segment,) = tmp_path.iterdir()
    segment.write_bytes(segment.read_bytes()[:-cut])

    assert SegmentedHistory(LocalFolder(str(tmp_path))).load() == EVERY_KIND[:-1]


def test_damage_in_the_middle_stops_the_start_with_its_place(tmp_path: Path) -> None:
    _begun(tmp_path)
    (segment,) = tmp_path.iterdir()
    lines = segment.read_bytes().split(b"\n")
    lines[4] = lines[4].replace(b"prepared", b"repaired").replace(b"Prepared", b"Repaired")
    segment.write_bytes(b"\n".join(lines))

    with pytest.raises(HistoryCorruptError, match=r"history-00000001.jsonl, line 5"):
        SegmentedHistory(LocalFolder(str(tmp_path))).load()


def test_a_segment_whose_snapshot_is_not_whole_is_no_segment(tmp_path: Path) -> None:
    _begun(tmp_path)
    (first,) = tmp_path.iterdir()
    whole = first.read_bytes()
    (tmp_path / "history-00000002.jsonl").write_bytes(b"".join(whole.splitlines(True)[:2]))

    assert SegmentedHistory(LocalFolder(str(tmp_path))).load() == EVERY_KIND


def test_a_replaced_jobtracker_cannot_begin_again(tmp_path: Path) -> None:
    old = SegmentedHistory(LocalFolder(str(tmp_path)))
    old.begin(EVERY_KIND[:1])
    new = SegmentedHistory(LocalFolder(str(tmp_path)))
    new.begin(EVERY_KIND[:1])

    with pytest.raises(ReplacedError):
        old.begin(EVERY_KIND[:1])
    old.close()
    new.close()


class Raced(LocalFolder):
    """Another JobTracker begins a segment while this one looks around."""

    rival: SegmentedHistory | None = None

    def names(self) -> list[str]:
        found = super().names()
        if self.rival is not None:
            rival, self.rival = self.rival, None
            rival.begin(EVERY_KIND[:1])
        return found


def test_who_loses_the_race_for_a_segment_was_replaced(tmp_path: Path) -> None:
    folder = Raced(str(tmp_path))
    old, new = SegmentedHistory(folder), SegmentedHistory(LocalFolder(str(tmp_path)))
    old.begin(EVERY_KIND[:1])
    folder.rival = new
    with pytest.raises(FileExistsError):
        old.begin(EVERY_KIND[:1])

    with pytest.raises(ReplacedError):
        old.begin(EVERY_KIND[:1])
    new.append(EVERY_KIND[2:3])
    new.close()
    old.close()
    assert SegmentedHistory(LocalFolder(str(tmp_path))).load() == EVERY_KIND[:1] + EVERY_KIND[2:3]


class Failing(LocalFolder):
    """Takes no bytes, as often as told."""

    failures = 0

    def create(self, name: str) -> SegmentFile:
        file = super().create(name)
        if self.failures:
            self.failures -= 1
            file.sync = self._refuse  # type: ignore[method-assign]
        return file

    def _refuse(self) -> None:
        raise OSError("no room")


def test_segments_that_could_not_be_begun_leave_nothing(tmp_path: Path) -> None:
    folder = Failing(str(tmp_path))
    history = SegmentedHistory(folder)
    history.begin(EVERY_KIND[:1])
    folder.failures = 2
    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            history.begin(EVERY_KIND[:2])

    history.begin(EVERY_KIND[:3])
    history.close()

    assert [path.name for path in tmp_path.iterdir()] == ["history-00000004.jsonl"]
    assert SegmentedHistory(LocalFolder(str(tmp_path))).load() == EVERY_KIND[:3]


def test_a_long_segment_is_overgrown_until_a_new_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapred.jobtracker.segments.ROLL_BYTES", 100)
    history = SegmentedHistory(LocalFolder(str(tmp_path)))
    history.begin(EVERY_KIND[:1])
    assert not history.overgrown

    history.append(EVERY_KIND)
    assert history.overgrown
    history.begin(EVERY_KIND)

    assert not history.overgrown
    history.close()


def test_beginning_again_after_a_failure_loses_nothing(tmp_path: Path) -> None:
    history = SegmentedHistory(LocalFolder(str(tmp_path)))
    history.begin(EVERY_KIND[:1])
    history.append(EVERY_KIND[2:3])

    history.begin(EVERY_KIND[:4])
    history.append(EVERY_KIND[4:5])
    history.close()

    assert SegmentedHistory(LocalFolder(str(tmp_path))).load() == EVERY_KIND[:5]
    assert [path.name for path in tmp_path.iterdir()] == ["history-00000002.jsonl"]
