"""`mapred resume` on this machine alone: the command dies, and another one goes on."""

import json
import os
import signal
import subprocess
import sys

import pytest
from mapred_cli.errors import run
from mapred_cli.main import cli

LOOP = """
import os, signal
from mapred import Mapper, Reducer, Sum
from mapred.iterative import IterativeJob, max_rounds

class Ones(Mapper):
    def map(self, offset, line):
        yield 0, int(line)

class Loop(IterativeJob):
    mapper, reducer = Ones, Sum
    until = max_rounds(5)
    checkpoint_every = 2
    def initial_state(self): return 0
    def step(self, state, output):
        mark = os.environ.get("DIES_IN_ROUND_4")
        if self.ctx.round == 3 and mark and not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * state + sum(value for _, value in output)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "aloop.py").write_text(LOOP)
    (tmp_path / "in.txt").write_text("1\n2\n")
    return tmp_path


def mapred(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mapred_cli.main", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )


def test_a_killed_command_is_resumed_from_its_checkpoint_by_its_id(place):
    files = [str(place / "aloop.py"), str(place / "in.txt"), "-o", str(place / "out")]
    mark = str(place / "dead")
    died = mapred("submit", "--local", "--workers", "1", *files, DIES_IN_ROUND_4=mark)
    assert died.returncode == -signal.SIGKILL
    (line,) = [line for line in died.stderr.splitlines() if "after a crash:" in line]
    loop_id = line.split()[-1]
    waiting = mapred("resume", "--local")
    assert waiting.stdout == f"{loop_id}  Loop  cut off; output in {place / 'out'}\n"

    # The code travels with the loop: what is done to the file meanwhile changes nothing.
    (place / "aloop.py").write_text("broken")
    resumed = mapred("resume", "--local", "--workers", "1", "--json", loop_id)
    assert resumed.returncode == 0, resumed.stderr
    told = json.loads(resumed.stdout)
    # Rounds 3 to 5 of two records each.
    assert (told["job_id"], told["rounds"]) == (loop_id, 5)
    assert told["counters"]["task"]["map_input_records"] == 6
    assert (place / "out" / "part-r-00000").read_text() == "state\t93\n"

    again = mapred("resume", "--local", loop_id)
    assert (again.returncode, again.stdout) == (0, "")
    assert f"{loop_id} (Loop) has succeeded: the limit of 5 rounds" in again.stderr
    assert "No loop here" in mapred("resume", "--local").stdout


@pytest.mark.parametrize(
    ("loop_id", "words"),
    [
        ("loop_x", "no loop 'loop_x' was submitted here"),
        ("job_2026_0001", "is a job, not a loop: it goes on by itself"),
    ],
)
def test_what_can_not_be_resumed_is_told(place, capsys, loop_id, words):
    assert run(cli, ["resume", "--local", loop_id]) == 2
    assert words in capsys.readouterr().err
