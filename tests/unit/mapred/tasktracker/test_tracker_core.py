from dataclasses import replace

import pytest

from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    FailureKind,
    FetchFailed,
    ForgetJob,
    KillAttempt,
    Launch,
    MapOutput,
    OutputsReady,
    Split,
    TaskId,
)
from mapred.task.messages import OutputLost, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker.actions import (
    Action,
    EndTask,
    KeepLogs,
    RemoveJob,
    RemoveWork,
    SendOutputs,
    StartTask,
)
from mapred.tasktracker.stacks import NO_STACK
from mapred.tracking import HeartbeatReply
from tests.unit.mapred.tasktracker.played import M0, OUTPUT, R0, SPEC, Played


@pytest.fixture
def played() -> Played:
    return Played()


def test_a_launch_starts_a_task_with_directories_of_its_own(played: Played) -> None:
    (start,) = played.launch(M0)

    assert isinstance(start, StartTask)
    assert start.task.work_dir == "/root/job_1/attempt_1_m_000000_0"
    assert start.task.log_dir == "/root/job_1/logs/attempt_1_m_000000_0"
    assert played.core.heartbeat().running == (M0,)


def test_what_has_no_slot_starts_when_one_is_free_in_the_order_in_which_it_came(
    played: Played,
) -> None:
    maps = [TaskId("job_1", "m", index).attempt(0) for index in range(4)]
    started = played.told(*(Launch(attempt, SPEC, Split("file:///in", 0, 1)) for attempt in maps))
    assert _started(started) == maps[:2]

    played.now = 3.0
    assert _started(played.core.finished(maps[1], TaskDone({}), 3.0)) == [maps[2]]
    assert _started(played.core.failed(maps[0], TaskFailed(FailureKind.FAILED, "b"), 4.0)) == [
        maps[3]
    ]
    assert _started(played.core.finished(maps[2], TaskDone({}), 4.5)) == []
    took = [event.took_s for event in played.events if isinstance(event, AttemptDone)]
    assert took == [3.0, 1.5]


def test_a_queued_attempt_that_is_killed_never_starts_and_waiting_is_no_standing_still(
    played: Played,
) -> None:
    reduces = [TaskId("job_1", "r", index).attempt(0) for index in range(4)]
    played.told(*(Launch(attempt, SPEC, maps=1) for attempt in reduces))
    played.told(OutputsReady("job_1", (OUTPUT,)), KillAttempt(reduces[2], "taken back"))
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert (event.attempt, event.failure.kind) == (reduces[2], FailureKind.KILLED)

    ended = {action.attempt for action in played.core.tick(11.0) if isinstance(action, EndTask)}
    assert ended == set(reduces[:2]), "those that run stand still, and what waits does not"
    starts = played.core.process_gone(reduces[0], "killed", "", 12.0)
    (start,) = [action for action in starts if isinstance(action, StartTask)]
    assert start.task.attempt == reduces[3]
    assert start.task.outputs == (OUTPUT,), "it came while the attempt waited"


def test_an_end_is_told_at_once_when_nothing_waits_for_its_slot(played: Played) -> None:
    maps = [TaskId("job_1", "m", index).attempt(0) for index in range(4)]
    played.told(*(Launch(attempt, SPEC, Split("file:///in", 0, 1)) for attempt in maps))
    urgent = []
    for attempt in maps:
        played.core.finished(attempt, TaskDone({}), 1.0)
        urgent.append(played.core.urgent)
        played.core.heartbeat()
    assert urgent == [False, True, True, True]


def _started(actions: list[Action]) -> list[AttemptId]:
    return [action.task.attempt for action in actions if isinstance(action, StartTask)]


def test_a_repeated_launch_starts_nothing(played: Played) -> None:
    played.launch(M0)
    again = HeartbeatReply(1, False, 0, ((1, Launch(M0, SPEC)),))

    assert played.core.replied(played.core.info.incarnation, again, 0.0) == []


def test_a_finished_map_holds_its_output_and_tells_where_it_is(played: Played) -> None:
    played.launch(M0)

    assert played.core.finished(M0, TaskDone({("g", "n"): 1}, "/root/data", 9), 0.0) == [
        KeepLogs(M0, "me", failed=False)
    ]

    output = MapOutput(0, 0, "t", "host", 7, "/root/data", 9)
    assert played.events == [AttemptDone(M0, {("g", "n"): 1}, output, took_s=0.0)]
    assert played.core.registration().held[0].output == output


def test_a_finished_reduce_leaves_no_work_directory(played: Played) -> None:
    played.launch(R0)

    done = TaskDone({}, temporary_uri="file:///out/_temporary/x", final_name="part-r-00000")
    assert played.core.finished(R0, done, 0.0) == [
        KeepLogs(R0, "me", failed=False),
        RemoveWork(R0),
    ]
    uri = "file:///out/_temporary/x"
    assert played.events == [AttemptDone(R0, {}, None, uri, "part-r-00000", took_s=0.0)]


def test_events_are_sent_again_until_they_are_acknowledged(played: Played) -> None:
    played.launch(M0)
    played.core.failed(M0, TaskFailed(FailureKind.FAILED, "bad", "trace"), 0.0)
    assert len(played.events) == 1
    assert len(played.events) == 1

    played.told(events_seen=1)

    assert played.events == []


def test_events_that_the_jobtracker_has_in_hand_are_sent_again_only_in_a_new_session(
    played: Played,
) -> None:
    played.launch(M0)
    played.core.failed(M0, TaskFailed(FailureKind.FAILED, "bad"), 0.0)
    incarnation = played.core.info.incarnation

    in_hand = HeartbeatReply(1, False, 0, (), events_taken=1)
    played.core.replied(incarnation, in_hand, 0.0)
    assert played.events == []
    assert played.core.has_events, "it isn't durable"
    # An older answer, which comes late.
    played.core.replied(incarnation, replace(in_hand, events_taken=0), 0.0)
    assert played.events == []

    played.register()
    assert [event.attempt for event in played.events] == [M0]  # type: ignore[union-attr]


def test_a_new_session_takes_unacknowledged_events_along_and_numbers_them_anew(
    played: Played,
) -> None:
    played.launch(M0)
    played.launch(R0)
    played.core.failed(M0, TaskFailed(FailureKind.FAILED, "bad"), 0.0)
    played.told(events_seen=1)
    played.core.failed(R0, TaskFailed(FailureKind.FAILED, "worse"), 0.0)
    before = played.core.info.incarnation

    played.register()

    assert played.registration.info.incarnation == before + 1
    assert played.registration.attempts == (R0,)
    assert [(seq, e.attempt) for seq, e in played.core.heartbeat().events] == [(1, R0)]  # type: ignore[union-attr]


def test_a_reply_of_an_older_session_is_ignored(played: Played) -> None:
    old = played.core.info.incarnation
    played.register()

    reply = HeartbeatReply(1, False, 0, ((1, Launch(M0, SPEC)),))
    assert played.core.replied(old, reply, 0.0) == []
    assert played.core.work == {}


@pytest.mark.parametrize(
    "reply", [HeartbeatReply(1, register_again=True), HeartbeatReply(2, False, 0, ())]
)
def test_a_jobtracker_of_another_epoch_is_registered_with(
    played: Played, reply: HeartbeatReply
) -> None:
    assert played.core.in_session

    played.core.replied(played.core.info.incarnation, reply, 0.0)

    assert not played.core.in_session


def test_a_kill_is_reported_when_the_process_is_gone(played: Played) -> None:
    played.launch(M0)

    assert played.told(KillAttempt(M0, "not needed")) == [EndTask(M0)]
    assert played.events == []
    assert played.core.process_gone(M0, "killed by SIGTERM", "words", 0.0) == [
        KeepLogs(M0, "me", failed=False),
        RemoveWork(M0),
    ]
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert (event.failure.kind, event.failure.reason) == (FailureKind.KILLED, "not needed")


def test_a_result_that_comes_after_the_kill_is_a_kill(played: Played) -> None:
    played.launch(M0)
    played.told(KillAttempt(M0, "not needed"))

    played.core.finished(M0, TaskDone({}, "/root/data", 9), 0.0)
    played.core.process_gone(M0, "killed by SIGTERM", "", 0.0)

    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.kind is FailureKind.KILLED
    assert played.core.held == {}


def test_a_process_that_dies_fails_its_attempt_with_its_last_words(played: Played) -> None:
    played.launch(M0)

    played.core.process_gone(M0, "killed by SIGSEGV", "Fatal Python error", 0.0)

    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.kind is FailureKind.FAILED
    assert event.failure.reason == "the task process died: killed by SIGSEGV"
    assert event.failure.traceback == "Fatal Python error"
    assert event.failure.host == "host"


def test_outputs_go_to_the_running_reduces_of_their_job(played: Played) -> None:
    other = TaskId("job_2", "r", 0).attempt(0)
    played.launch(M0)
    played.launch(R0, maps=2)
    played.launch(other, maps=2)

    assert played.told(OutputsReady("job_1", (OUTPUT,))) == [SendOutputs(R0, (OUTPUT,))]


def test_what_a_reduce_is_launched_with_is_news_for_those_that_run(played: Played) -> None:
    second, third = (TaskId("job_1", "r", number).attempt(0) for number in (1, 2))
    new = replace(OUTPUT, map_index=1)
    played.launch(R0, maps=2, outputs=(OUTPUT,))

    told, start = played.launch(second, maps=2, outputs=(new,), knows=True)

    assert told == SendOutputs(R0, (new,))
    assert isinstance(start, StartTask)
    assert start.task.outputs == (OUTPUT, new), "and what was told before counts"
    played.launch(third, maps=2, knows=True)
    played.core.process_gone(R0, "killed", "", 1.0)
    assert played.core.work[third].launch.outputs == (OUTPUT, new)


def test_a_new_session_has_been_told_of_no_output(played: Played) -> None:
    played.launch(R0, maps=2, outputs=(OUTPUT,))
    played.register()
    second = TaskId("job_1", "r", 1).attempt(0)
    new = replace(OUTPUT, map_index=1)

    *_, start = played.launch(second, maps=2, outputs=(new,))

    assert isinstance(start, StartTask)
    assert start.task.outputs == (new,)


def test_an_output_that_is_lost_is_told_to_the_jobtracker(played: Played) -> None:
    played.launch(R0, maps=1, outputs=(OUTPUT,))

    played.core.output_lost(R0, OutputLost(0, 3, "refused"), 0.0)

    assert played.events == [FetchFailed(R0, 0, 3, "refused")]


def test_an_attempt_without_progress_is_ended_with_its_stack(played: Played) -> None:
    played.launch(M0)
    played.core.progressed(M0, TaskProgress(0.5, "map"), 5.0)
    assert played.core.tick(14.9) == []

    assert played.core.tick(15.0) == [EndTask(M0, dump_stack=True)]
    assert played.core.tick(99.0) == []
    dump = (
        "Thread 0x7 (most recent call first):\n  File y, line 1\n\n"
        "Current thread 0x8 (most recent call first):\n  File x, line 3\n"
    )
    played.core.process_gone(M0, "killed by SIGTERM", dump, 0.0)
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.kind is FailureKind.FAILED
    assert f"{M0}: no progress for 10 s in phase 'map'" in event.failure.reason
    assert event.failure.traceback == "Stack, innermost first:\n  File x, line 3\n"


def test_a_failure_says_in_which_record_its_process_ended_also_when_it_stood_still(
    played: Played,
) -> None:
    played.launch(M0)
    played.core.tick(20.0)
    played.core.process_gone(M0, "killed by SIGKILL", "", 21.0, (0, 5))
    (event,) = played.events
    assert isinstance(event, AttemptFailed)
    assert event.failure.record == (0, 5)
    assert "no progress" in event.failure.reason
    assert event.failure.traceback == NO_STACK


def test_a_sign_of_life_needs_nothing_new(played: Played) -> None:
    played.launch(M0)
    for now in range(0, 100, 9):
        played.core.progressed(M0, TaskProgress(0.5, "map"), float(now))
        assert played.core.tick(float(now + 8)) == []

    assert len(played.core.heartbeat().progress) == 1
    played.core.progressed(M0, TaskProgress(0.5, "map"), 100.0)
    assert played.core.heartbeat().progress == ()


def test_the_job_may_set_its_own_patience(played: Played) -> None:
    played.told(Launch(M0, replace(SPEC, stall_s=100.0)))

    assert played.core.tick(99.0) == []
    assert played.core.tick(100.0) == [EndTask(M0, dump_stack=True)]


def test_a_reduce_that_waits_for_maps_is_not_stalled(played: Played) -> None:
    played.launch(R0, maps=1)
    for now in range(0, 100, 5):
        assert played.core.tick(float(now)) == []
    played.now = 100.0
    played.told(OutputsReady("job_1", (OUTPUT,)))

    assert played.core.tick(109.0) == []
    assert played.core.tick(110.0) == [EndTask(R0, dump_stack=True)]


def test_a_reduce_waits_again_after_it_lost_an_output(played: Played) -> None:
    played.launch(R0, maps=1, outputs=(OUTPUT,))
    played.core.output_lost(R0, OutputLost(0, 0, "refused"), 1.0)

    assert played.core.tick(100.0) == []


def test_a_forgotten_job_goes_when_its_last_attempt_is_gone(played: Played) -> None:
    played.launch(M0)
    played.launch(R0)
    played.core.finished(M0, TaskDone({}, "/root/data", 9), 0.0)

    assert played.told(ForgetJob("job_1")) == [EndTask(R0)]
    assert played.core.held == {}
    assert played.core.process_gone(R0, "killed", "", 0.0) == [
        KeepLogs(R0, "me", failed=False),
        RemoveWork(R0),
        RemoveJob("job_1"),
    ]


def test_a_job_that_nobody_tells_to_forget_goes_by_itself(played: Played) -> None:
    played.launch(R0)
    played.core.finished(R0, TaskDone({}, temporary_uri="u", final_name="p"), 0.0)

    assert played.core.tick(800.0) == []
    assert played.core.tick(1000.0) == [RemoveJob("job_1")]


def test_only_new_progress_is_sent(played: Played) -> None:
    played.launch(M0)
    played.core.progressed(M0, TaskProgress(0.5, "map", "half"), 1.0)

    assert [p.fraction for p in played.core.heartbeat().progress] == [0.5]
    assert played.core.heartbeat().progress == ()
