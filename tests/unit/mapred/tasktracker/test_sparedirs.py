"""Directories that are used again: only of the same job, only those with nothing in them."""

from pathlib import Path

from mapred.keptlogs import AttemptLogs
from mapred.model import AttemptId, TaskId
from mapred.tasktracker.sparedirs import SpareDirs
from mapred.tasktracker.workdirs import WorkDirs, log_dir, work_dir

JOB = "job_20260101000000_0001"
OTHER = "job_20260101000000_0002"


def _attempt(index: int, job: str = JOB) -> AttemptId:
    return TaskId(job, "m", index).attempt(1)


def test_a_directory_of_nothing_but_empty_streams_takes_another_name(tmp_path: Path) -> None:
    spares = SpareDirs()
    old, new, third = (tmp_path / name for name in ("old", "new", "third"))
    old.mkdir()
    (old / "stdout").touch()
    inode = old.stat().st_ino

    assert spares.give(str(old), ["stdout"])
    assert not old.exists()
    assert spares.take(str(new))
    assert new.stat().st_ino == inode
    assert not spares.take(str(third)), "it's there once"


def test_what_has_anything_in_it_or_is_gone_is_not_taken(tmp_path: Path) -> None:
    spares = SpareDirs()
    for name in ("words", "folder", "link", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other/output").touch()
    (tmp_path / "words/stdout").write_text("x")
    (tmp_path / "folder/scratch").mkdir()
    (tmp_path / "link/stdout").symlink_to("/dev/null")

    for name in ("words", "folder", "link", "other", "no"):
        assert not spares.give(f"{tmp_path}/{name}", ["stdout"])
    assert not spares.take(f"{tmp_path}/new")


def test_a_spare_one_that_is_gone_leaves_the_next_to_be_made(tmp_path: Path) -> None:
    spares = SpareDirs()
    (tmp_path / "old").mkdir()
    spares.give(str(tmp_path / "old"))
    (spare,) = tmp_path.iterdir()
    spare.rmdir()

    assert not spares.take(str(tmp_path / "new"))


def test_attempts_of_one_job_share_directories_and_never_words(tmp_path: Path) -> None:
    root, workdirs = str(tmp_path), WorkDirs(str(tmp_path))
    first, second, third = map(_attempt, (1, 2, 3))
    inodes = []
    for attempt, words in ((first, ""), (second, "said"), (third, "")):
        for folder in (work_dir(root, attempt), log_dir(root, attempt)):
            workdirs.make(folder)
        stdout = Path(log_dir(root, attempt), "stdout")
        with stdout.open("a") as file:
            file.write(words)
        inodes.append((stdout.stat().st_ino, Path(work_dir(root, attempt)).stat().st_ino))
        assert workdirs.logs(attempt, 100).texts == ({"stdout": words} if words else {})
        if not words:
            workdirs.spare_logs(attempt)
        workdirs.remove_attempt(attempt)

    assert inodes[0] == inodes[1]
    assert inodes[2][0] != inodes[1][0], "what has words stays its attempt's"
    assert inodes[2][1] == inodes[1][1]
    assert list(workdirs.job_logs(JOB, 100)) == [AttemptLogs(second, {"stdout": "said"})]


def test_another_job_gets_nothing_of_it_and_a_removed_job_leaves_nothing(tmp_path: Path) -> None:
    root, workdirs = str(tmp_path), WorkDirs(str(tmp_path))
    mine = work_dir(root, _attempt(1))
    workdirs.make(mine)
    workdirs.remove_attempt(_attempt(1))
    workdirs.make(work_dir(root, _attempt(1, OTHER)))
    assert len(list((tmp_path / JOB).iterdir())) == 1

    workdirs.remove_job(JOB)
    workdirs.make(mine)
    assert (Path(mine).is_dir(), list(Path(mine).iterdir())) == (True, [])


def test_an_attempt_finds_no_empty_file_of_another_in_its_work_directory(tmp_path: Path) -> None:
    root, workdirs = str(tmp_path), WorkDirs(str(tmp_path))
    workdirs.make(work_dir(root, _attempt(1)))
    Path(work_dir(root, _attempt(1)), "stdout").touch()
    workdirs.remove_attempt(_attempt(1))

    workdirs.make(work_dir(root, _attempt(2)))
    assert list(Path(work_dir(root, _attempt(2))).iterdir()) == []
