"""Ids as people write them, and logs as they are kept."""

import pytest

from mapred.idwords import attempt_in, parsed
from mapred.keptlogs import AttemptLogs, decode_logs, encode_dropped, encode_logs
from mapred.model import TaskId

JOB = "job_20261129101500_0001"
TASK = TaskId(JOB, "m", 3)


@pytest.mark.parametrize("one", [TASK, TASK.attempt(0), TaskId(JOB, "r", 1234567).attempt(1001)])
def test_every_id_is_read_as_it_is_written(one):
    assert parsed(str(one)) == one


def test_of_a_known_job_the_end_of_an_id_is_enough():
    assert parsed("m_3", JOB) == TASK
    assert parsed("m_000003_2", JOB) == TASK.attempt(2)
    assert parsed("m_3") is None
    assert parsed(str(TASK), "job_1_1") is None
    assert parsed("m3", JOB) is None
    assert attempt_in("m_3", JOB) is None


def test_a_line_that_a_death_has_torn_tears_no_other():
    first = AttemptLogs(TASK.attempt(0), {"stdout": "ä\n\nb"})
    second = AttemptLogs(TASK.attempt(1), {"log": "x"})
    torn = encode_logs(second)[:-20]
    data = b"\n" + encode_logs(first) + torn + b"\n" + encode_logs(second) + encode_dropped(3)
    assert list(decode_logs(data)) == [first, second, 3]
