import subprocess
import sys

from mapred.model import TaskId
from mapred.tasktracker.appetite import TooLarge, too_large
from mapred.tasktracker.memory import used_bytes

A, B, C = (TaskId("job_1", "m", index).attempt(0) for index in range(3))
MIB = 1 << 20


def test_an_attempt_over_its_limit_is_too_large_and_its_neighbours_are_not() -> None:
    used = {A: 900 * MIB, B: 101 * MIB, C: 100 * MIB}
    limits = {A: 0, B: 100 * MIB, C: 100 * MIB}

    assert too_large(used, limits, together_bytes=0) == [
        TooLarge(B, 101 * MIB, "its limit is 100 MiB")
    ]


def test_when_memory_is_used_up_the_largest_has_to_go() -> None:
    used, limits = {A: 300 * MIB, B: 400 * MIB, C: 450 * MIB}, {C: 500 * MIB}

    assert too_large(used, limits, together_bytes=1150 * MIB) == []
    (one,) = too_large(used, limits, together_bytes=1149 * MIB)
    assert (one.attempt, one.used_bytes) == (B, 400 * MIB)
    assert one.bound == "all tasks here together may use 1,149 MiB, and it used the most"


# A process that takes 50 MiB, and one below it that takes 100 MiB; both say so and wait.
_GROWING = """
import subprocess, sys
mine = bytearray(int(sys.argv[1]))
if len(sys.argv) > 2:
    with subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[3]],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        print("ready", flush=True)
        sys.stdin.readline()
else:
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_memory_is_that_of_a_process_and_all_that_it_started() -> None:
    words = [sys.executable, "-c", _GROWING, str(50 * MIB), _GROWING, str(100 * MIB)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = used_bytes(process.pid)
        process.kill()

    assert 150 * MIB < found < 250 * MIB
    assert used_bytes(process.pid) == 0
