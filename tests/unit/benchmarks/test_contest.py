"""Contests: equal results are a condition, nobody waits for ever, who is out says why."""

from pathlib import Path

from benchmarks.speed import answers
from benchmarks.speed.contest import OURS, Contest, Contestant, held
from benchmarks.speed.report import Kept, rows_of


def shell(name: str, script: str, **more: object) -> Contestant:
    return Contestant(name, ["sh", "-c", script], title=name, floor=1, **more)


def contest(folder: Path, *contestants: Contestant) -> Contest:
    return Contest("words", "words", contestants, answers.counts, folder)


def test_who_cant_be_had_fails_or_is_wrong_is_out_with_the_reason(tmp_path):
    everybody = contest(
        tmp_path,
        shell(OURS, r"printf 'a\t1\nb\t2\n' > OUTPUT", against=""),
        shell("equal", r"mkdir OUTPUT; printf 'b\t2\na\t1\n' > OUTPUT/part-0"),
        shell("wrong", r"printf 'a\t2\nb\t2\n' > OUTPUT"),
        shell("failing", "echo no room >&2; exit 3"),
        shell("absent", "true", lack=lambda: "it isn't sold here"),
        shell("unwanted", "true"),
    )
    taken = held(everybody, runs=2, limit_s=60, without=["unwanted"])
    assert {name: one.out for name, one in taken.items()} == {
        OURS: "",
        "equal": "",
        "wrong": "its result differs from ours",
        "failing": "it failed with 3: no room",
        "absent": "it isn't sold here",
        "unwanted": "left out",
    }
    assert [len(one.walls_s) for one in taken.values()] == [2, 2, 0, 0, 0, 0]
    notes = {row.peer: row.note for row in rows_of(everybody, taken)}
    assert notes["absent"] == "skipped: it isn't sold here"
    assert "unwanted" not in notes


def test_who_takes_too_long_is_ended_and_out(tmp_path):
    peer = shell("peer", ": > OUTPUT")
    endless = contest(tmp_path, shell(OURS, "sleep 1000", against=""), peer)
    taken = held(endless, runs=1, limit_s=0.2)
    assert taken[OURS].out == "it took more than 0.2 s"
    assert rows_of(endless, taken)[0].note == "ours is out: it took more than 0.2 s"


def test_seconds_that_a_contestant_prints_stand_for_its_wall_time(tmp_path):
    pair = contest(
        tmp_path,
        shell(OURS, """: > OUTPUT; echo '{"steady_s": 2.0}'""", against="", steady=True),
        shell("peer", """: > OUTPUT; echo '{"steady_s": 6.0}'""", steady=True),
    )
    taken = held(pair, runs=1, limit_s=60)
    (row,) = rows_of(pair, taken)
    assert (row.ours, row.its, row.ratio, row.verdict) == (2.0, 6.0, 3.0, "floor")


def test_a_contest_that_is_done_is_kept_until_more_runs_are_wanted(tmp_path):
    one = contest(tmp_path, shell(OURS, ": > OUTPUT", against=""), shell("peer", ": > OUTPUT"))
    taken = held(one, runs=1, limit_s=60)
    rows = rows_of(one, taken)
    Kept(tmp_path / "kept", runs=1).keep("words", rows, taken)
    assert Kept(tmp_path / "kept", runs=1).rows("words") == rows
    assert Kept(tmp_path / "kept", runs=2).rows("words") is None
    assert Kept(tmp_path / "kept", runs=1).rows("others") is None


def test_more_runs_go_on_from_those_that_are_kept(tmp_path):
    ours = shell(OURS, r"printf 'a\t1\n' > OUTPUT", against="")
    first = contest(tmp_path, ours, shell("peer", r"printf 'a\t1\n' > OUTPUT"))
    kept = Kept(tmp_path / "kept", runs=2)
    taken = held(first, runs=2, limit_s=60)
    kept.keep("words", rows_of(first, taken), taken)
    assert kept.taken("others") == {}

    before = kept.taken("words")
    was = before[OURS].walls_s
    again = contest(tmp_path, ours, shell("peer", r"printf 'a\t2\n' > OUTPUT"))
    after = held(again, runs=3, limit_s=60, before=before)
    assert after[OURS].walls_s[:2] == was
    assert len(after[OURS].walls_s) == 3
    assert after["peer"].out == "its result differs from ours"


def test_who_has_all_his_runs_still_says_what_the_result_is(tmp_path):
    ours = shell(OURS, r"printf 'a\t1\n' > OUTPUT", against="")
    wrong = shell("peer", r"printf 'a\t2\n' > OUTPUT")
    taken = held(contest(tmp_path, ours), runs=1, limit_s=60)
    after = held(contest(tmp_path, ours, wrong), runs=1, limit_s=60, before=taken)
    assert len(after[OURS].walls_s) == 1
    assert after["peer"].out == "its result differs from ours"
