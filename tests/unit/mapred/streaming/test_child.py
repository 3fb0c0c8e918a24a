"""Programs at the other ends of pipes."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mapred.streaming.child import Child
from mapred.streaming.stderr import TAIL_BYTES, Stderr
from mapred.task.failure import ProgramError


class Heard:
    """What came on stderr, sorted."""

    def __init__(self) -> None:
        self.counts: list[tuple[str, str, int]] = []
        self.statuses: list[str] = []
        self.log = b""
        self.lives = 0
        self.stderr = Stderr("reporter:", self._count, self.statuses.append, self._log)

    def _count(self, group: str, name: str, amount: int) -> None:
        self.counts.append((group, name, amount))

    def _log(self, data: bytes) -> None:
        self.log += data

    def alive(self) -> None:
        self.lives += 1


_started: list[Child] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    while _started:
        _started.pop().kill()


def _child(folder: Path, code: str, heard: Heard, **options: bool) -> Child:
    command = [sys.executable, "-S", "-c", code]
    child = Child("mapper", command, folder, os.environ, heard.stderr, heard.alive, **options)
    _started.append(child)
    return child


def _all(child: Child, *data: bytes) -> bytes:
    said = [lines for one in data for lines in child.feed(one)]
    return b"".join([*said, *child.finish()])


def test_one_that_writes_much_before_it_reads_blocks_nobody(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.stdout.write('x' * 999 + '\\n' * 1)\n"
        "for _ in range(3000): sys.stdout.write('y' * 999 + '\\n')\n"
        "sys.stderr.write('z' * 300000)\n"
        "sys.stdout.write(sys.stdin.read())\n"
    )
    sent = b"a line\n" * 300_000
    said = _all(_child(tmp_path, code, Heard()), sent)
    assert said.endswith(sent)
    assert len(said) == 1000 * 3001 + len(sent)


def test_what_is_held_stays_bounded_while_nobody_uses_it(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(20000): sys.stdout.write('y' * 999 + '\\n')"
    child = _child(tmp_path, code, Heard())
    pieces = [len(lines) for lines in child.finish()]
    assert sum(pieces) == 20_000_000
    assert max(pieces) < 2 * 1024 * 1024


def test_lines_come_whole_and_the_last_one_without_its_end(tmp_path: Path) -> None:
    code = "import sys, os\nfor p in ('a', 'b\\nc', '\\nlast'): os.write(1, p.encode())"
    pieces = list(_child(tmp_path, code, Heard()).finish())
    assert b"".join(pieces) == b"ab\nc\nlast"
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


def test_one_that_ends_well_before_it_has_read_all_has_done_its_work(tmp_path: Path) -> None:
    code = "print(input())"
    assert _all(_child(tmp_path, code, Heard()), *[b"line\n" * 100_000] * 3) == b"line\n"


def test_an_exit_code_is_told_with_the_end_of_what_was_said(tmp_path: Path) -> None:
    heard = Heard()
    code = f"import sys\nsys.exit('early\\n' * {TAIL_BYTES} + 'no such column: age')"
    with pytest.raises(
        ProgramError, match=r"mapper ended with exit code 1: no such column: age"
    ) as e:
        _all(_child(tmp_path, code, heard), b"line\n" * 100_000)
    assert e.value.details.endswith("early\nno such column: age")
    assert len(e.value.details) <= TAIL_BYTES
    assert heard.log.endswith(b"age\n")


def test_a_signal_is_told_by_name(tmp_path: Path) -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(ProgramError, match="signal 11, SIGSEGV"):
        _all(_child(tmp_path, code, Heard()))


def test_an_exit_code_may_be_no_failure(tmp_path: Path) -> None:
    child = _child(tmp_path, "print('x')\nraise SystemExit(3)", Heard(), exit_code_counts=False)
    assert _all(child) == b"x\n"


def test_a_failure_is_told_though_others_hold_its_pipes_open(tmp_path: Path) -> None:
    heard = Heard()
    code = (
        "import subprocess, sys\none = subprocess.Popen(['sleep', '600'])\nsys.exit(str(one.pid))\n"
    )
    with pytest.raises(ProgramError):
        _all(_child(tmp_path, code, heard))
    psutil.Process(int(heard.log)).kill()


def test_a_killed_one_takes_along_what_it_has_started(tmp_path: Path) -> None:
    heard = Heard()
    code = (
        "import subprocess, sys\n"
        "one = subprocess.Popen(['sleep', '600'])\n"
        "print(one.pid, flush=True)\n"
        "one.wait()\n"
    )
    child = _child(tmp_path, code, heard)
    said = b""
    while not said.endswith(b"\n"):
        child._hear(1000)
        said = b"".join(child._whole_lines())
    sleeper = psutil.Process(int(said))
    child.kill()
    child.kill()
    sleeper.wait(60)


def test_there_is_no_such_program(tmp_path: Path) -> None:
    heard = Heard()
    with pytest.raises(ProgramError, match=r"no program 'nosuch.*-file PATH"):
        Child("mapper", ["nosuch"], tmp_path, os.environ, heard.stderr, heard.alive)
    (tmp_path / "script").write_text("print(1)")
    (tmp_path / "script").chmod(0o755)
    with pytest.raises(ProgramError, match="first line such as #!"):
        Child("mapper", [f"{tmp_path}/script"], tmp_path, os.environ, heard.stderr, heard.alive)


def test_counters_and_statuses_are_taken_out_of_stderr(tmp_path: Path) -> None:
    heard = Heard()
    code = (
        "import sys\n"
        "e = sys.stderr.write\n"
        "e('reporter:counter:lines,short, odd,3\\nplain\\nreporter:status:half way\\n')\n"
        "e('reporter:counter:broken\\nreporter:counter:lines,short,many\\nreporter:other:1')\n"
    )
    assert _all(_child(tmp_path, code, heard)) == b""
    assert heard.counts == [("lines", "short, odd", 3)]
    assert heard.statuses == ["half way"]
    assert heard.log == (
        b"plain\nreporter:counter:broken\nreporter:counter:lines,short,many\nreporter:other:1"
    )
    assert heard.lives


def test_other_threads_may_start_programs_meanwhile(tmp_path: Path) -> None:
    """A pipe that leaked into another program would keep the first from ever seeing its end."""
    found: list[bytes] = []

    def one() -> None:
        code = "import sys\nsys.stdout.write(sys.stdin.read())"
        found.append(_all(_child(tmp_path, code, Heard()), b"line\n"))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [b"line\n"] * 8
