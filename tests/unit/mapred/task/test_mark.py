"""The mark of a careful attempt: it blames a record only for what happens inside of it."""

import json
from pathlib import Path

from mapred.model import SKIPPING, JobSpec, Split, TaskId
from mapred.params import Params
from mapred.task.context import TaskContext
from mapred.task.mark import Mark, read_mark
from mapred.task.skipping import Skipping


def test_a_process_that_dies_between_records_blames_none(tmp_path: Path) -> None:
    mark = Mark(tmp_path)
    assert read_mark(str(tmp_path)) is None
    mark.enter(2, 7)
    assert read_mark(str(tmp_path)) == (2, 7)
    mark.leave()
    assert read_mark(str(tmp_path)) is None


def test_records_that_have_killed_are_left_out_and_the_others_marked_while_they_are_mapped(
    tmp_path: Path,
) -> None:
    (tmp_path / "out" / "_temporary" / "job_1_1").mkdir(parents=True)
    wishes = {"bad": False, "errors": True, "max": 9, "share": 1.0}
    output, settings = f"file://{tmp_path}/out", {SKIPPING: json.dumps(wishes)}
    spec = JobSpec("wc", "me", "", "", "m", "J", (), 0, output, settings=settings)
    context = TaskContext(
        params=Params({}), spec=spec, attempt=TaskId("job_1_1", "m", 0).attempt(2)
    )
    skipping = Skipping(context, [(3, 1)], tmp_path)
    seen = []
    call = skipping.careful(
        lambda key, value: seen.append((value, read_mark(str(tmp_path)))), Split("in", 0, 9), 3
    )
    for value in "abc":
        call(0, value)
        assert read_mark(str(tmp_path)) is None
    assert seen == [("a", (3, 0)), ("c", (3, 2))]
    assert context.counters["skipped", "failed_records"] == 1
