"""A process is told of each map output once, and its reduces begin with all that count."""

import pickle
import random

from mapred.model import JobSpec, MapOutput, TaskId
from mapred.shuffle.announced import Announced
from mapred.task.messages import RunTask
from mapred.tasktracker.toldoutputs import ToldOutputs

SPEC = JobSpec("wc", "ana", "", "", "m", "J", (), 5, "file:///out")


def output(index, number=0):
    name = "map.sheet" if index % 3 else "map.data"
    return MapOutput(index, number, f"tracker_{index % 2}", "h", 1, f"/r/j/m{index}/{name}", 9)


def reduce(number, outputs, job="job_1_1", maps=9):
    return RunTask(
        TaskId(job, "r", number).attempt(0), SPEC, "", "t", maps=maps, outputs=tuple(outputs)
    )


def indices(task):
    return [one.map_index for one in task.outputs]


def test_what_a_process_was_told_of_is_not_told_again():
    told, outputs = ToldOutputs(), [output(index) for index in range(4)]
    first = told.news(reduce(0, outputs[:3]))
    assert (first.knows, indices(first)) == (False, [0, 1, 2])
    second = told.news(reduce(1, outputs))
    assert (second.knows, indices(second)) == (True, [3])
    same = reduce(2, outputs)
    assert [told.news(same).outputs for _ in range(2)] == [(), ()]


def test_an_output_that_counts_no_more_has_all_told_anew():
    told, outputs = ToldOutputs(), [output(index) for index in range(4)]
    told.news(reduce(0, outputs))
    fewer = told.news(reduce(1, outputs[1:]))
    assert (fewer.knows, indices(fewer)) == (False, [1, 2, 3])


def test_another_jobs_outputs_are_told_from_the_beginning():
    told, outputs = ToldOutputs(), [output(index) for index in range(4)]
    told.news(reduce(0, outputs))
    other = told.news(reduce(0, outputs, job="job_1_2"))
    assert (other.knows, indices(other)) == (False, [0, 1, 2, 3])
    assert not told.news(reduce(1, outputs)).knows


def test_a_task_that_fetches_nothing_is_left_as_it_is():
    told, outputs = ToldOutputs(), [output(index) for index in range(4)]
    told.news(reduce(0, outputs))
    task = reduce(1, (), maps=0)
    assert told.news(task) is task
    assert told.news(reduce(2, outputs)).outputs == ()


def test_both_ends_agree_whatever_comes_and_goes():
    rng = random.Random(5)
    told, process = ToldOutputs(), Announced()
    outputs: dict[int, MapOutput] = {}
    for step in range(300):
        index = rng.randrange(9)
        if index in outputs and rng.random() < 0.3:
            # Lost; it may come back as another attempt's.
            del outputs[index]
        elif rng.random() < 0.7:
            outputs[index] = output(index, step)
            if rng.random() < 0.5:
                told.more((outputs[index],))
                process.tell(pickle.loads(pickle.dumps((outputs[index],))))
        task = pickle.loads(pickle.dumps(told.news(reduce(step, outputs.values()))))
        process.tell(task.outputs, anew=not task.knows)
        known = process.known()
        sheets = {at: one for batch in known.sheets for at, one in batch.items()}
        assert all(len({one.tracker_id for one in batch.values()}) == 1 for batch in known.sheets)
        assert sheets | {one.map_index: one for one in known.others} == outputs
        assert not set(sheets) & {one.map_index for one in known.others}
