"""Each map output is told to a tracker once, and its reduces begin with all that count."""

import random

from mapred.jobtracker.joboutputs import JobOutputs
from mapred.model import AttemptId, JobSpec, Launch, MapOutput, OutputsReady, TaskId
from mapred.tasktracker.heardoutputs import HeardOutputs

JOB = "job_1_1"
SPEC = JobSpec("wc", "ana", "", "", "m", "J", (), 5, "file:///out")


def output(index, number=0):
    return MapOutput(index, number, "t", "h", 1, f"/m{index}", 9)


def attempt(number) -> AttemptId:
    return TaskId(JOB, "r", number).attempt(0)


def outputs_of(count):
    outputs = JobOutputs()
    for index in range(count):
        outputs.add(output(index))
    return outputs


def test_the_second_reduce_on_a_tracker_is_launched_with_what_is_new():
    outputs, told = outputs_of(2), {}
    assert outputs.to_begin_with(JOB, told) == ((output(0), output(1)), False)
    assert outputs.to_begin_with(JOB, told) == ((), True)
    outputs.add(output(2))
    assert outputs.to_begin_with(JOB, told) == ((output(2),), True)
    assert outputs.to_begin_with(JOB, {}) == ((output(0), output(1), output(2)), False)


def test_running_reduces_are_told_of_what_no_launch_has_told():
    outputs, told = outputs_of(2), {}
    outputs.to_begin_with(JOB, told)
    outputs.add(output(2))
    assert outputs.to_tell(JOB, told, (output(2),)) == (output(2),)
    assert outputs.to_tell(JOB, told, (output(2),)) == ()


def test_after_a_loss_the_next_reduce_is_told_of_all_that_are_left():
    outputs, told = outputs_of(3), {}
    outputs.to_begin_with(JOB, told)
    outputs.lose(1)
    again = output(1, 1)
    outputs.add(again)
    assert outputs.to_tell(JOB, told, (again,)) == (again,)
    assert outputs.to_begin_with(JOB, told) == ((output(0), output(2), again), False)
    assert outputs.to_begin_with(JOB, told) == ((), True)


def test_both_ends_agree_whatever_is_won_and_lost():
    rng = random.Random(8)
    for _ in range(50):
        outputs, told, heard = JobOutputs(), {}, HeardOutputs()
        running = False
        for step in range(60):
            index = rng.randrange(6)
            if index in outputs:
                outputs.lose(index)
            else:
                outputs.add(output(index, step))
                if running:
                    news = outputs.to_tell(JOB, told, (outputs[index],))
                    heard.more(OutputsReady(JOB, news))
            if rng.random() < 0.3:
                running = True
                news, knows = outputs.to_begin_with(JOB, told)
                order = heard.completed(
                    Launch(attempt(step), SPEC, maps=6, outputs=news, knows=knows)
                )
                assert {one.map_index: one for one in order.outputs} == dict(outputs)
