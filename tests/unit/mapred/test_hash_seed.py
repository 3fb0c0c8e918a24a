"""User code that goes over a set yields in the same order in every task process."""

from pathlib import Path

from mapred.embedded import EmbeddedEngine
from mapred.submit import plan

JOB = '''
from mapred import Job, Mapper

class Letters(Mapper):
    def map(self, offset, line):
        for word in set(line.split()):
            yield word, hash(word)

class Sets(Job):
    """Words of a line in the order of a set."""
    mapper = Letters
'''


def test_two_engines_go_over_a_set_in_the_same_order(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("one two three four five six seven eight nine ten\n")
    outputs = []
    for number in range(2):
        with EmbeddedEngine(1) as engine:
            spec = plan(
                str(tmp_path / "sets.py"),
                [str(tmp_path / "in.txt")],
                output=str(tmp_path / f"out-{number}"),
                params={},
                code_base=(tmp_path / "code").as_uri(),
            )
            job_id, version = engine.submit(spec), 0
            status, version = engine.status(job_id)
            while not status.state.ended:
                status, version = engine.status(job_id, known_version=version, wait_s=30)
        outputs.append((tmp_path / f"out-{number}" / "part-m-00000").read_text())
    assert outputs[0].count("\n") == 10
    assert outputs[0] == outputs[1]
