"""What goes over the wire comes back as it was."""

import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred import codec, trackercodec
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    Failure,
    FetchFailed,
    ForgetJob,
    JobSpec,
    JobStatus,
    KillAttempt,
    Launch,
    MapOutput,
    OutputsReady,
    Priority,
    Progress,
    Split,
    TaskId,
    TrackerInfo,
    TrackerStatus,
)
from mapred.tracking import Heartbeat, HeartbeatReply, HeldOutput, Registered, Registration

# Protobuf text is Unicode without lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**31 - 1)
SECONDS = st.floats(0, 1e12)
COUNTERS = st.dictionaries(st.tuples(TEXT, TEXT), st.integers(-(2**63), 2**63 - 1), max_size=3)
ATTEMPTS = st.builds(AttemptId, st.builds(TaskId, TEXT, st.sampled_from("mr"), COUNT), COUNT)
FILES = st.builds(Split, TEXT, COUNT, COUNT, st.lists(TEXT, max_size=2).map(tuple), TEXT, TEXT)
SPLITS = FILES.flatmap(
    lambda file: st.sampled_from([file, replace(file, parts=(replace(file, length=1), file))])
)
FAILURES = st.builds(
    Failure, reason=TEXT, traceback=TEXT, input_uri=TEXT, offset=st.integers(-1, 2**40),
    sample=TEXT, host=TEXT, peak_bytes=COUNT,
)  # fmt: skip
OUTPUTS = st.builds(MapOutput, COUNT, COUNT, TEXT, TEXT, COUNT, TEXT, COUNT)
NAMES = TEXT.filter(bool)
PRIORITIES = st.sampled_from(Priority)
MANY_OUTPUTS = st.lists(OUTPUTS, max_size=2).map(tuple)
SPECS = st.builds(
    JobSpec, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, st.lists(SPLITS, max_size=2).map(tuple), COUNT,
    TEXT, TEXT, TEXT, COUNT, SECONDS, COUNT, SECONDS, TEXT, TEXT,
    st.dictionaries(TEXT, TEXT, max_size=2), NAMES, PRIORITIES, COUNT,
)  # fmt: skip
STATUSES = st.builds(
    JobStatus, job_id=TEXT, name=TEXT, user=TEXT, map_progress=SECONDS, reduce_progress=SECONDS,
    maps=COUNT, maps_done=COUNT, reduces=COUNT, reduces_done=COUNT, submitted_at_s=SECONDS,
    finished_at_s=SECONDS, output_uri=TEXT, failures=st.lists(FAILURES, max_size=2).map(tuple),
    counters=COUNTERS, output_files=st.lists(TEXT, max_size=2).map(tuple), attempts_failed=COUNT,
    attempts_killed=COUNT, attempts_running=COUNT, waiting_for=TEXT, pool=NAMES,
    priority=PRIORITIES,
)  # fmt: skip
EVENTS = st.one_of(
    st.builds(
        AttemptDone,
        ATTEMPTS,
        COUNTERS,
        st.none() | OUTPUTS,
        TEXT,
        TEXT,
        st.lists(TEXT, max_size=2).map(tuple),
    ),
    st.builds(AttemptFailed, ATTEMPTS, FAILURES),
    st.builds(FetchFailed, ATTEMPTS, COUNT, COUNT, TEXT),
)
ORDERS = st.one_of(
    st.builds(Launch, ATTEMPTS, SPECS, st.none() | SPLITS, COUNT, MANY_OUTPUTS, COUNT),
    st.builds(KillAttempt, ATTEMPTS, TEXT),
    st.builds(OutputsReady, TEXT, MANY_OUTPUTS),
    st.builds(ForgetJob, TEXT),
)
PROGRESS = st.builds(Progress, ATTEMPTS, st.floats(0, 1), TEXT, TEXT, COUNTERS)
INFOS = st.builds(
    TrackerInfo, TEXT, COUNT, TEXT, COUNT, COUNT, COUNT, st.lists(TEXT, max_size=2).map(tuple),
    TEXT, TEXT, COUNT,
)  # fmt: skip


def _numbered(items: Any) -> Any:
    return st.lists(st.tuples(COUNT, items), max_size=2).map(tuple)


HEARTBEATS = st.builds(
    Heartbeat, TEXT, COUNT, COUNT, COUNT, _numbered(EVENTS),
    st.lists(PROGRESS, max_size=2).map(tuple), st.lists(ATTEMPTS, max_size=2).map(tuple),
)  # fmt: skip
REGISTRATIONS = st.builds(
    Registration,
    INFOS,
    st.lists(ATTEMPTS, max_size=2).map(tuple),
    st.lists(st.builds(HeldOutput, ATTEMPTS, OUTPUTS), max_size=2).map(tuple),
)
REPLIES = st.builds(HeartbeatReply, COUNT, st.booleans(), COUNT, _numbered(ORDERS))

KINDS = {
    "spec": SPECS,
    "status": STATUSES,
    "failure": FAILURES,
    "heartbeat": HEARTBEATS,
    "registration": REGISTRATIONS,
    "reply": REPLIES,
    "registered": st.builds(Registered, COUNT, SECONDS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_survives_the_wire(kind: str) -> None:
    home = codec if hasattr(codec, f"{kind}_to_wire") else trackercodec
    to_wire, from_wire = getattr(home, f"{kind}_to_wire"), getattr(home, f"{kind}_from_wire")

    @given(KINDS[kind])
    def survives(thing: Any) -> None:
        wire = to_wire(thing)
        assert from_wire(type(wire).FromString(wire.SerializeToString())) == thing

    survives()


SLOTS = st.integers(0, 1000)


@given(st.builds(
    TrackerInfo, TEXT, st.just(0), TEXT, COUNT, SLOTS, SLOTS, memory_bytes=st.integers(0, 2**50),
    refuses=st.booleans(), service_slots=SLOTS,
))  # fmt: skip
def test_what_a_client_must_know_of_a_tracker_to_decide_for_a_loop(info: TrackerInfo) -> None:
    status = TrackerStatus(info, "live", 0.5, 1, 2, "")
    assert codec.tracker_status_from_wire(codec.tracker_status_to_wire(status)) == status


@given(OUTPUTS)
def test_outputs_come_to_a_task_process_as_they_were(outputs: Any) -> None:
    assert pickle.loads(pickle.dumps(outputs)) == outputs
