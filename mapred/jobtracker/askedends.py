"""Attempts that somebody wants to end: killed, as if that task had never begun, or failed."""

from mapred.errors import NoSuchAttemptError
from mapred.jobtracker.attempts import State
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.jobs import Job, Phase
from mapred.model import AttemptId


def end_attempt(flow: Flow, job: Job, attempt_id: AttemptId, reason: str, *, fail: bool) -> bool:
    """False when it had ended before, or commits: what a commit publishes can't be taken back.

    Raises:
        NoSuchAttemptError: the job has made none of this id; says which of the task there are.
    """
    attempt = job.attempt(attempt_id)
    if attempt is None:
        task = job.task(attempt_id.task)
        made = ", ".join(str(one.id) for one in task.attempts.values()) if task else ""
        known = f"of this task there are: {made}" if made else "the task has made none yet"
        raise NoSuchAttemptError(
            f"no attempt '{attempt_id}': {known if task else 'the job has no such task'}"
        )
    if job.phase is not Phase.RUNNING or attempt.state is not State.RUNNING:
        return False
    if fail:
        flow.fail(job, attempt, reason)
    else:
        flow.kill(job, attempt, reason)
    return True
