import errno
import os
import threading

from mapred.tasktracker.dircheck import DirectoryCheck
from mapred.tasktracker.localdirs import Health, Look


class FakeDisks:
    """Rooms of directories, and what is wrong with them."""

    def __init__(self, **free: int) -> None:
        self.free = {f"/{name}": size for name, size in free.items()}
        self.errors: dict[str, int] = {}
        self.opened: list[str] = []
        self.hangs: threading.Event | None = None

    def _fail(self, root: str) -> None:
        if number := self.errors.get(root):
            raise OSError(number, os.strerror(number), root)

    def open(self, root: str) -> None:
        self._fail(root)
        self.opened.append(root)

    def try_out(self, root: str) -> None:
        if self.hangs:
            self.hangs.wait(60)
        self._fail(root)

    def free_bytes(self, root: str) -> int:
        return self.free[root]


def check_of(disks: FakeDisks, timeout_s: float = 60.0) -> DirectoryCheck:
    return DirectoryCheck(disks.free, disks, reserved_bytes=10, interval_s=0, timeout_s=timeout_s)


def test_a_directory_below_its_reserve_is_full_until_there_is_room() -> None:
    disks = FakeDisks(a=10, b=50)
    check = check_of(disks)

    full, used = check.look()
    assert (full.health, used) == (Health.FULL, Look("/b", free_bytes=50))
    assert "reserve of 10 bytes" in full.why
    disks.free["/a"] = 11
    assert check.look()[0] == Look("/a", free_bytes=11)
    assert disks.opened == ["/a", "/b"]


def test_a_read_only_directory_fails_and_is_opened_anew_when_it_can_be_written_again() -> None:
    disks = FakeDisks(a=50)
    check = check_of(disks)
    check.look()
    disks.errors["/a"] = errno.EDQUOT
    assert check.look()[0].health is Health.FULL
    disks.errors["/a"] = errno.EROFS

    assert check.look() == (Look("/a", Health.FAILED, 50, "Read-only file system"),)
    assert check.look()[0].health is Health.FAILED
    del disks.errors["/a"]
    assert check.look() == (Look("/a", free_bytes=50),)
    assert disks.opened == ["/a", "/a"]


def test_a_disk_that_does_not_answer_fails_and_is_not_asked_twice_at_a_time() -> None:
    disks = FakeDisks(a=50)
    disks.hangs = threading.Event()
    check = check_of(disks, timeout_s=0.01)

    assert check.look()[0].health is Health.FAILED
    assert "has not answered" in check.look()[0].why
    assert disks.opened == ["/a"]
    disks.hangs.set()
