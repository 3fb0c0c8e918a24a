import pytest

from mapred.model import AttemptFailed, FailureKind
from mapred.task.messages import TaskDone, TaskFailed
from mapred.tasktracker.actions import EndTask, LeaveDirectory, LookAtDirectories
from mapred.tasktracker.localdirs import Health, Look
from mapred.tracking import Registered
from tests.unit.mapred.tasktracker.played import M0, R0, Played


@pytest.fixture
def played() -> Played:
    return Played()


BAD = Look("/root", Health.FAILED, why="Input/output error")


def test_a_failed_directory_loses_its_outputs_and_attempts_and_the_jobtracker_hears_why(
    played: Played,
) -> None:
    played.launch(M0)
    path = "/root/job_1/attempt_1_m_000000_0/map.data"
    played.core.finished(M0, TaskDone({}, output_path=path, output_bytes=5), 1.0)
    played.launch(R0)

    assert played.core.looked([BAD], 2.0) == [LeaveDirectory("/root"), EndTask(R0)]
    assert not played.core.in_session
    played.register()
    info = played.registration.info
    assert (info.bad_directories, info.refuses) == (("/root: Input/output error",), True)
    assert played.registration.held == ()
    played.core.process_gone(R0, "killed", "", 3.0)
    (_, ended) = played.events
    assert isinstance(ended, AttemptFailed)
    assert ended.failure.kind is FailureKind.KILLED


def test_a_tracker_without_directories_gives_back_what_it_is_given(played: Played) -> None:
    played.core.looked([BAD], 1.0)
    played.register()

    assert played.launch(M0) == []
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.kind is FailureKind.KILLED
    assert "no local directory on host can be used (/root: Input" in event.failure.reason
    played.core.looked([Look("/root", free_bytes=9)], 2.0)
    played.register()
    assert not played.registration.info.refuses


def test_an_attempt_without_room_names_the_directory_and_takes_it_out(played: Played) -> None:
    played.launch(M0)
    full = TaskFailed(FailureKind.FAILED, "OSError", disk_error="No space left on device")

    assert LookAtDirectories() in played.core.failed(M0, full, 1.0)
    played.register()
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.kind is FailureKind.FAILED
    assert "local directory /root on host: No space left on device. Make" in event.failure.reason
    assert played.registration.info.refuses
    played.core.tick(1.0 + played.core.settings.disk_check_interval_s)
    played.register()
    assert not played.registration.info.refuses


def test_a_change_of_directories_during_a_registration_needs_another_one(played: Played) -> None:
    asked = played.core.registration().info.incarnation
    played.core.looked([BAD], 1.0)
    played.core.registered(asked, Registered(1, 1.0))

    assert not played.core.in_session
