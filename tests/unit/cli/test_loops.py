"""What the command line tells of loops, and what it refuses."""

import json

import pytest
from mapred_cli import progress
from mapred_cli.errors import run
from mapred_cli.main import cli
from mapred_cli.output import final_line, status_json
from mapred_cli.progress import Lines

from mapred.iterative.status import LoopStatus
from mapred.model import JobState

LOOP = """
from mapred import Mapper
from mapred.iterative import IterativeJob, max_rounds

class Loop(IterativeJob):
    mapper = Mapper
    until = max_rounds(1)
    def initial_state(self): return 0
    def step(self, state, output): return 1
"""
JOB = "from mapred import Job, Mapper\nclass Plain(Job):\n    mapper = Mapper\n"


def _status(state=JobState.RUNNING, **changes):
    fields = {
        "job_id": "loop_7",
        "name": "KMeans",
        "user": "ana",
        "state": state,
        "map_progress": 0.5,
        "reduce_progress": 0.0,
        "maps": 4,
        "maps_done": 2,
        "reduces": 1,
        "reduces_done": 0,
        "submitted_at_s": 100.0,
        "finished_at_s": 0.0,
        "output_uri": "file:///home/ana/centres",
    }
    return LoopStatus(**{**fields, **changes})


DONE = _status(
    JobState.SUCCEEDED,
    rounds_done=9,
    metrics={"inertia": 78.8514},
    reason="no centre moved",
    converged=True,
)


def test_lines_say_which_round_runs_and_what_the_last_one_showed(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    lines = Lines()
    lines.show(_status())
    lines.show(_status(rounds_done=8, metrics={"inertia": 78.8514, "moved": 0.25}))
    lines.show(DONE)
    assert capsys.readouterr().err.splitlines() == [
        " round 1 map 50% reduce 0%",
        " round 9 (inertia 78.8514, moved 0.25) map 50% reduce 0%",
        " round 9 (inertia 78.8514) map 50% reduce 0%",
    ]


def test_the_last_line_says_whether_it_arrived():
    assert final_line(DONE, took_s=2.46, to_stdout=True) == (
        "loop_7 (KMeans) succeeded in 2.5 s: 9 rounds of 4 maps, 1 reduce; "
        "converged: no centre moved"
    )


def test_json_has_rounds_metrics_and_the_reason():
    told = json.loads(status_json(DONE))
    assert {name: told[name] for name in ("rounds", "metrics", "reason", "converged")} == {
        "rounds": 9,
        "metrics": {"inertia": 78.8514},
        "reason": "no centre moved",
        "converged": True,
    }


@pytest.fixture
def submit(tmp_path, monkeypatch, capsys):
    """Runs `mapred submit --local FILE.py…` with a small input; exit code and stderr."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "aloop.py").write_text(LOOP)
    (tmp_path / "ajob.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("1\n")

    def submit(file, *words):
        files = [str(tmp_path / file), str(tmp_path / "in.txt"), "-o", str(tmp_path / "out")]
        code = run(cli, ["submit", "--local", *files, *words])
        return code, capsys.readouterr().err

    return submit


def test_only_loops_can_be_resumed(submit):
    code, err = submit("ajob.py", "--resume")
    assert (code, "Plain is no loop: there is nothing to resume" in err) == (2, True)


def test_a_resume_needs_the_output(tmp_path, capsys):
    (tmp_path / "aloop.py").write_text(LOOP)
    assert run(cli, ["submit", "--local", str(tmp_path / "aloop.py"), "x", "--resume"]) == 2
    assert "--resume needs -o" in capsys.readouterr().err


def test_a_loop_without_an_end_is_refused_before_anything_runs(submit, tmp_path):
    (tmp_path / "aloop.py").write_text(LOOP.replace("until = max_rounds(1)", ""))
    code, err = submit("aloop.py")
    assert (code, "a loop must know when to end" in err) == (2, True)
    assert not (tmp_path / "out").exists()
