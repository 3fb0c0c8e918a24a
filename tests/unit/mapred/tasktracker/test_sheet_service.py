"""Sheets over real gRPC: many maps' tiny segments by one question."""

import random
import sys

import pytest

from blockstore.runtime import rpc
from mapred.errors import FetchError
from mapred.model import MapOutput, TaskId
from mapred.shuffle.announced import Batch
from mapred.shuffle.budget import Budget
from mapred.shuffle.merge import merged
from mapred.shuffle.packs import PACKS, packs_folder
from mapred.shuffle.partition import partitions_of
from mapred.shuffle.parts import Kind, Part, frames_of, parts_in, piece_in, piece_part
from mapred.shuffle.pieces import interleaved
from mapred.shuffle.sheetfetch import Pieces, taken_here
from mapred.shuffle.sink import Memory
from mapred.shuffle.sorter import Sorter
from mapred.task.remote import RemoteTrackers
from mapred.tasktracker import sheetservice
from mapred.tasktracker.servicer import serve
from mapred.tasktracker.workdirs import WorkDirs, work_dir

JOB = "job_1_1"
PARTITIONS = 40
MAPS = 30


@pytest.fixture
def outputs(tmp_path):
    """The outputs of a tracker's maps, on two disks; its server runs."""
    roots = [str(tmp_path / "a"), str(tmp_path / "b")]
    server = rpc.threaded_server(threads=4)
    serve(server, WorkDirs(*roots))
    port = rpc.bind(server, "127.0.0.1", 0)
    server.start()
    rng = random.Random(3)
    found = Batch()
    for index in range(MAPS):
        folder = tmp_path / work_dir(roots[index % 2], TaskId(JOB, "m", index).attempt(0))
        folder.mkdir(parents=True)
        sorter = Sorter(
            partitions=PARTITIONS,
            partition=lambda keys, kind, column: partitions_of(keys, kind, column, PARTITIONS),
            budget=Budget.of(0),
            folder=folder,
            sheet_bytes=1 << 20,
        )
        sorter.add([rng.randrange(300) for _ in range(400)], [f"{index} " * 3] * 400)
        path, size = sorter.finish()
        found[index] = MapOutput(index, 0, "there", "127.0.0.1", port, str(path), size)
    yield found
    server.stop(0).wait(10)


def pieces_of(folder, budget=10**6):
    return Pieces(3, Memory(budget), folder, 1 << 20)


def remote():
    return RemoteTrackers(JOB, 3)


def records(taken, folder):
    segments = interleaved(taken.pieces, {}, 1 << 20)
    return [pair for rows in merged(segments, Budget.of(0), folder) for pair in rows.pairs()]


@pytest.mark.parametrize("budget", [10**6, 100])
def test_one_question_brings_what_the_tracker_itself_would_read(outputs, tmp_path, budget):
    over_the_wire = remote().fetch_sheets(outputs, pieces_of(tmp_path, budget))
    expected = records(taken_here(outputs, pieces_of(tmp_path)), tmp_path)
    assert len(expected) > MAPS
    assert records(over_the_wire, tmp_path) == expected
    # A pack for each disk was made for the first of them.
    assert [len(one.maps) for one in over_the_wire.pieces] == [MAPS // 2] * 2
    assert over_the_wire.lost == {}


def test_a_few_small_sheets_come_whole(outputs, tmp_path):
    few = Batch({index: outputs[index] for index in (3, 4)})
    taken = remote().fetch_sheets(few, pieces_of(tmp_path))
    assert records(taken, tmp_path) == records(taken_here(few, pieces_of(tmp_path)), tmp_path)


@pytest.mark.parametrize("few", [True, False])
def test_what_is_damaged_or_gone_is_told_by_map_and_the_rest_arrives(outputs, tmp_path, few):
    wanted = Batch({index: outputs[index] for index in range(4 if few else MAPS)})
    bad = tmp_path / wanted[1].path
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    (tmp_path / wanted[2].path).unlink()
    taken = remote().fetch_sheets(wanted, pieces_of(tmp_path))
    assert sorted(taken.lost) == [1, 2]
    assert "checksum" in taken.lost[1]
    assert "No such file" in taken.lost[2]
    left = Batch({index: one for index, one in wanted.items() if index not in (1, 2)})
    assert records(taken, tmp_path) == records(taken_here(left, pieces_of(tmp_path)), tmp_path)


def test_a_damaged_pack_is_not_served(outputs, tmp_path):
    before = records(remote().fetch_sheets(outputs, pieces_of(tmp_path)), tmp_path)
    for folder in (packs_folder(outputs[at].path) for at in (0, 1)):
        for pack in folder.glob("pack-*"):
            if not pack.name.endswith(".index"):
                pack.write_bytes(bytes(pack.stat().st_size))
    for _ in range(2):
        again = remote().fetch_sheets(outputs, pieces_of(tmp_path))
        assert (records(again, tmp_path), again.lost) == (before, {})


def test_a_tracker_that_can_t_make_packs_sends_sheets(outputs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    taken = remote().fetch_sheets(outputs, pieces_of(tmp_path))
    assert len(taken.pieces) > MAPS // 2
    assert not list(packs_folder(outputs[0].path).glob("*.index"))
    expected = records(taken_here(outputs, pieces_of(tmp_path)), tmp_path)
    assert records(taken, tmp_path) == expected


def test_packs_are_gone_with_their_job(outputs, tmp_path):
    remote().fetch_sheets(outputs, pieces_of(tmp_path))
    WorkDirs(str(tmp_path / "a"), str(tmp_path / "b")).remove_job(JOB)
    assert not list(tmp_path.rglob(PACKS))


def test_a_job_id_cannot_climb_out_of_the_root(outputs, tmp_path):
    with pytest.raises(FetchError, match="is no job id"):
        RemoteTrackers("../../etc", 3).fetch_sheets(outputs, pieces_of(tmp_path))


def test_a_process_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sheetservice, "MAKING_S", 0.01)
    with pytest.raises(sheetservice.subprocess.TimeoutExpired):
        sheetservice.made_elsewhere({"folder": str(tmp_path), "sheets": [], "bytes_max": 1})


def test_parts_travel_in_frames_of_any_size():
    parts = [
        piece_part(b"x" * 700_000, frozenset({5, 2})),
        piece_part(b"all", None),
        Part(Kind.LOST, 7, b"gone"),
    ]
    whole = b"".join(frames_of(parts))
    for size in (999, 100_000, len(whole)):
        frames = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert list(parts_in(frames)) == parts
    assert piece_in(parts[0]) == (memoryview(b"x" * 700_000), frozenset({5, 2}))
    assert piece_in(parts[1]) == (memoryview(b"all"), None)
    with pytest.raises(FetchError, match="too early"):
        list(parts_in([whole[:-1]]))
    with pytest.raises(FetchError, match="no such thing"):
        list(parts_in([b"\xff" * 40]))
