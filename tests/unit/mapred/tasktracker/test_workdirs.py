import os
from pathlib import Path

import pytest

from blockstore.errors import ConfigException
from mapred.keptlogs import AttemptLogs
from mapred.model import TaskId
from mapred.tasktracker.endwords import how_ended, tail
from mapred.tasktracker.workdirs import CARRIED_KEPT_S, WorkDirs, log_dir, work_dir

ATTEMPT = TaskId("job_20260101000000_0001", "m", 3).attempt(1)


def test_a_root_belongs_to_one_tracker(tmp_path: Path) -> None:
    first = WorkDirs(str(tmp_path))
    first.lock()

    with pytest.raises(ConfigException, match="another tasktracker"):
        WorkDirs(str(tmp_path)).lock()
    first.close()
    again = WorkDirs(str(tmp_path))
    again.lock()
    again.close()


def test_the_id_stays_and_the_incarnation_rises_with_every_life(tmp_path: Path) -> None:
    lives = [WorkDirs(str(tmp_path)).identity(wall_s) for wall_s in (1000.0, 2000.0, 500.0)]

    assert len({tracker_id for tracker_id, _ in lives}) == 1
    incarnations = [incarnation for _, incarnation in lives]
    assert incarnations == sorted(set(incarnations)), "also when the wall clock is set back"


def test_a_sweep_removes_jobs_of_earlier_lives_and_nothing_else(tmp_path: Path) -> None:
    for name in ("job_20260101000000_0001", "family_0a1b", "carried", "my precious", "job_of_mine"):
        (tmp_path / name).mkdir()

    WorkDirs(str(tmp_path)).sweep()

    assert {path.name for path in tmp_path.iterdir()} == {"my precious", "job_of_mine"}


def test_what_is_left_for_another_job_goes_with_the_one_that_says_so_or_after_a_while(
    tmp_path: Path,
) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    workdirs = WorkDirs(*map(str, roots))
    names = ["job_1_1", "job_1_2", "job_1_3"]
    for root in roots:
        for name in names:
            (root / "carried" / name).mkdir(parents=True)

    def left() -> list[list[str]]:
        return [sorted(path.name for path in (root / "carried").iterdir()) for root in roots]

    workdirs.done_with("job_1_3", ["job_1_1", "../../one"])
    workdirs.remove_job("job_1_2")
    assert left() == [names] * 2
    workdirs.remove_job("job_1_3")
    assert left() == [names[1:]] * 2

    os.utime(roots[0] / "carried" / "job_1_2", (1000.0, 1000.0))
    os.utime(roots[0] / "carried" / "job_1_3", (1001.0, 1001.0))
    workdirs.sweep_carried(1000.5 + CARRIED_KEPT_S)
    assert left() == [names[2:], names[1:]]


def test_logs_outlive_the_attempts_work_directory(tmp_path: Path) -> None:
    workdirs = WorkDirs(str(tmp_path))
    Path(work_dir(str(tmp_path), ATTEMPT)).mkdir(parents=True)
    logs = Path(log_dir(str(tmp_path), ATTEMPT))
    logs.mkdir(parents=True)
    (logs / "stderr").write_text("one\ntwo\n")

    workdirs.remove_attempt(ATTEMPT)

    kept = AttemptLogs(ATTEMPT, {"stderr": "one\ntwo\n"})
    assert workdirs.logs(ATTEMPT, 100) == kept
    assert list(workdirs.job_logs(ATTEMPT.job_id, 100)) == [kept]
    workdirs.remove_job(ATTEMPT.job_id)
    assert workdirs.logs(ATTEMPT, 100) == AttemptLogs(ATTEMPT, {})
    assert list(workdirs.job_logs(ATTEMPT.job_id, 100)) == []


@pytest.mark.parametrize(
    ("bytes_max", "end"), [(100, "one\ntwo\nthree"), (10, "two\nthree"), (6, "three"), (3, "ree")]
)
def test_a_tail_begins_at_a_line(tmp_path: Path, bytes_max: int, end: str) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthree")

    assert tail(str(path), bytes_max) == end


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exit code 0"),
        (3 << 8, "exit code 3"),
        (11, "killed by SIGSEGV"),
        (9, "killed by SIGKILL (out of memory?)"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(status: int, words: str) -> None:
    assert how_ended(status) == words


def test_an_attempt_is_found_below_whichever_root_it_works(tmp_path: Path) -> None:
    roots = [str(tmp_path / name) for name in "ab"]
    workdirs = WorkDirs(*roots)
    Path(work_dir(roots[1], ATTEMPT)).mkdir(parents=True)

    assert workdirs.root_of(ATTEMPT) == roots[1]
    workdirs.remove_attempt(ATTEMPT)
    assert not Path(work_dir(roots[1], ATTEMPT)).exists()


def test_opening_a_root_sweeps_what_earlier_lives_left_and_locks_it(tmp_path: Path) -> None:
    left = tmp_path / "job_1_0001" / "attempt"
    left.mkdir(parents=True)
    first = WorkDirs(str(tmp_path))
    first.open(str(tmp_path))
    first.open(str(tmp_path))
    first.try_out(str(tmp_path))

    assert not left.exists()
    with pytest.raises(ConfigException, match="used by another tasktracker"):
        WorkDirs(str(tmp_path)).open(str(tmp_path))
    first.close()


def test_a_root_that_was_replaced_or_keeps_other_bytes_is_not_the_same_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    workdirs = WorkDirs(str(root))
    workdirs.open(str(root))
    root.rename(tmp_path / "away")
    root.mkdir()
    with pytest.raises(OSError, match="lock"):
        workdirs.try_out(str(root))
    (root / "lock").touch()
    with pytest.raises(OSError, match="another directory is in its place"):
        workdirs.try_out(str(root))

    workdirs.open(str(root))
    workdirs.try_out(str(root))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", lambda *_: b"")
        with pytest.raises(OSError, match="other bytes"):
            workdirs.try_out(str(root))
    workdirs.close()


def test_the_trackers_name_survives_the_loss_of_one_of_its_disks(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in "ab"]
    for root in roots:
        root.mkdir()
    name, _ = WorkDirs(*map(str, roots)).identity(1.0)
    (roots[0] / "tracker.json").unlink()

    assert WorkDirs(*map(str, roots)).identity(2.0)[0] == name
