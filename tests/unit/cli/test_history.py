"""Stories of ended jobs on the shell: what is shown of what happened."""

from mapred_cli.job_commands.history import OUTCOMES, _event_line

from mapred.jobhistory import _ENDS
from mapred.jobtracker.entries import OutputPrepared


def test_what_has_no_time_is_not_said_to_have_happened_in_1970():
    assert _event_line(OutputPrepared("job_1")).split() == ["-", "OutputPrepared"]


def test_every_state_of_an_attempt_can_be_asked_for():
    assert {one for ours in OUTCOMES.values() for one in ours} == {"running", *_ENDS.values()}
