import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mapred.task.pulse import Pulse

WAIT_S = 60.0


class Looks:
    """Counts how often somebody looked, and is waited for."""

    def __init__(self, answer: Callable[[], int]) -> None:
        self._answer = answer
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self) -> int:
        with self._changed:
            self._count += 1
            self._changed.notify_all()
        return self._answer()

    def more(self, looks: int) -> None:
        """Returns when there were so many more."""
        with self._changed:
            until = self._count + looks
            assert self._changed.wait_for(lambda: self._count >= until, WAIT_S)


def test_a_task_that_moves_shows_signs_of_life_and_one_that_stands_still_shows_none() -> None:
    at, signs = [0], []
    looks = Looks(lambda: at[0])
    alive = threading.Event()

    def sign() -> None:
        signs.append(at[0])
        alive.set()

    with Pulse(interval_s=0.001, moved_bytes=lambda: 0).of(looks, sign):
        looks.more(20)
        assert signs == []
        at[0] = 7
        assert alive.wait(WAIT_S)
        looks.more(20)
        assert signs == [7]


def test_reading_and_writing_files_is_moving() -> None:
    moved = [0]
    bytes_moved = Looks(lambda: moved[0])
    alive = threading.Event()

    with Pulse(interval_s=0.001, moved_bytes=bytes_moved).of(lambda: 0, alive.set):
        bytes_moved.more(5)
        assert not alive.is_set()
        moved[0] = 4096
        assert alive.wait(WAIT_S)


def test_the_next_attempt_is_watched_too_and_nothing_is_said_of_the_one_before() -> None:
    pulse = Pulse(interval_s=0.001, moved_bytes=lambda: 0)
    for number in range(3):
        at, signs = [number], []
        looks = Looks(lambda at=at: at[0])
        alive = threading.Event()

        def sign(at=at, signs=signs, alive=alive) -> None:
            signs.append(at[0])
            alive.set()

        with pulse.of(looks, sign):
            # It is somewhere else than the one before, which isn't moving.
            looks.more(10)
            assert signs == []
            at[0] = 7
            assert alive.wait(WAIT_S)
        at[0] = 8
        with pulse.of(other := Looks(lambda: 0), lambda: None):
            other.more(10)
        assert signs == [7]


# In a process of its own: nobody else reads and writes there.
_LOOKS = """
import sys
from mapred.task.pulse import FileBytes
found = FileBytes()
before = found()
assert found() == found() == before
open(sys.argv[1], "wb").write(b"x" * 1000)
assert found() - before == 1000, found() - before
"""


def test_looking_is_not_moving(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _LOOKS, tmp_path / "file"], check=True, timeout=WAIT_S)
