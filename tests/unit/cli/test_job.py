"""`mapred job` and `mapred queue` in both spellings, and counters under both names."""

import pytest
from mapred_cli.errors import CommandError, run
from mapred_cli.job_commands.counter import value_of
from mapred_cli.main import cli

COUNTERS = {("task", "map_input_records"): 7, ("task", "shuffle_bytes"): 9, ("my", "Lines"): 3}
HADOOPS = "org.apache.hadoop.mapreduce.TaskCounter"
JOB = "job_20261123_0001"


@pytest.mark.parametrize(
    "words",
    [
        ["job", "list"],
        ["job", "-list"],
        ["job", "-list", "all"],
        ["job", "-status", JOB],
        ["job", "-kill", JOB],
        ["job", "-counter", JOB, "task", "map_input_records"],
        ["job", "-set-priority", JOB, "VERY_HIGH"],
        ["job", "-list-active-trackers"],
        ["job", "-list-blacklisted-trackers"],
        ["queue", "-list"],
        ["queue", "-info", "default", "-showJobs"],
    ],
    ids=" ".join,
)
def test_verbs_get_as_far_as_the_jobtracker(words, capfd):
    group, *rest = words
    assert run(cli, [group, "--jobtracker", "127.0.0.1:1", *rest]) == 1
    assert "no JobTracker at 127.0.0.1:1" in capfd.readouterr().err


def test_what_is_no_verb_is_refused(capfd):
    assert run(cli, ["job", "-lst"]) == 2
    assert run(cli, ["job", "list", "some"]) == 2
    assert run(cli, ["job", "set-priority", JOB, "urgent"]) == 2
    assert "very-high" in capfd.readouterr().err


def test_a_counter_is_found_by_our_name_and_by_hadoops():
    assert value_of(COUNTERS, "task", "map_input_records") == 7
    assert value_of(COUNTERS, HADOOPS, "MAP_INPUT_RECORDS") == 7
    assert value_of(COUNTERS, HADOOPS, "REDUCE_SHUFFLE_BYTES") == 9
    assert value_of(COUNTERS, "my", "Lines") == 3
    with pytest.raises(CommandError, match="my Lines, task map_input_records"):
        value_of(COUNTERS, "my", "lines")
