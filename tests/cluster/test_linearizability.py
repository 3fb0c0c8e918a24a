"""Names behave as if one operation ran at a time, also while the NameNode is killed and frozen.

And the checker itself: it must refuse histories that are known to be bad, and agree with a
search that knows no tricks.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from tests.cluster.histories import campaign
from tests.cluster.linearizability import (
    BudgetExceeded,
    NotLinearizable,
    Operation,
    check,
)
from tests.cluster.namespacespec import START, simplified, step

# Twenty in all; two stores side by side, for each waits most of the time.
HISTORIES = 10
SEEDS = (20260701, 20260801)


@pytest.mark.cluster
def test_recorded_histories_are_linearizable(tmp_path):
    def of_one_store(seed):
        (tmp_path / str(seed)).mkdir()
        return campaign(tmp_path / str(seed), count=HISTORIES, seed=seed)

    with ThreadPoolExecutor(len(SEEDS)) as pool:
        for done, unknown in pool.map(of_one_store, SEEDS):
            assert done >= HISTORIES * 300
            assert unknown > 0


def told(*lines):
    """Each line: call, return, result, action…; a return of None isn't known."""
    return [
        Operation(call, returned, tuple(action), result)
        for call, returned, result, *action in lines
    ]


GOOD = {
    "one after the other": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 4, "ok", "create", "/a/b", "t"),
        (5, 6, ("open",), "stat", "/a/b"),
        (7, 8, "ok", "finish", "t", 5),
        (9, 10, ("file", 5), "stat", "/a/b"),
        (11, 12, "ok", "rename", "/a", "/b", False),
        (13, 14, ("b",), "list", ""),
        (15, 16, True, "delete", "/b"),
        (17, 18, None, "stat", "/b/b"),
    ),
    "at the same time, either may be first": told(
        (1, 10, "ok", "mkdir", "/a"),
        (2, 3, None, "stat", "/a"),
        (4, 5, "directory", "stat", "/a"),
    ),
    "of two creates at once one is refused": told(
        (1, 4, "exists", "create", "/a", "t"),
        (2, 3, "ok", "create", "/a", "u"),
    ),
    "an unknown outcome that took effect late": told(
        (1, None, None, "mkdir", "/a"),
        (2, 3, None, "stat", "/a"),
        (4, 5, "directory", "stat", "/a"),
    ),
    "an unknown outcome that never took effect": told(
        (1, None, None, "mkdir", "/a"),
        (2, 3, "ok", "mkdir", "/a"),
    ),
    "a writer whose fate isn't known": told(
        (1, 2, "ok", "create", "/a", "t"),
        (3, None, None, "finish", "t", 5),
        (4, 5, ("open",), "stat", "/a"),
        (6, 7, ("file", 5), "stat", "/a"),
    ),
}

BAD = {
    "a stale read": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 4, None, "stat", "/a"),
    ),
    "a read that goes back": told(
        (1, 10, "ok", "mkdir", "/a"),
        (2, 3, "directory", "stat", "/a"),
        (4, 5, None, "stat", "/a"),
    ),
    "a lost create": told(
        (1, 2, "ok", "create", "/a", "t"),
        (3, 4, "ok", "create", "/a", "u"),
    ),
    "a create that came back after its delete": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 4, True, "delete", "/a"),
        (5, 6, "directory", "stat", "/a"),
    ),
    "a double rename": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 6, "ok", "rename", "/a", "/b", False),
        (4, 5, "ok", "rename", "/a", "/c", False),
    ),
    "a rename done again": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 4, "ok", "rename", "/a", "/b", False),
        (5, 6, "ok", "mkdir", "/a"),
        (7, 8, None, "stat", "/a"),
    ),
    "half a rename": told(
        (1, 2, "ok", "mkdir", "/a"),
        (3, 6, "ok", "rename", "/a", "/b", False),
        (4, 5, ("a", "b"), "list", ""),
    ),
    "a lost append": told(
        (1, 2, "ok", "create", "/a", "t"),
        (3, 4, "ok", "finish", "t", 5),
        (5, 6, "ok", "append", "/a", "u"),
        (7, 8, "ok", "finish", "u", 3),
        (9, 10, ("file", 5), "stat", "/a"),
    ),
    "two writers": told(
        (1, 2, "ok", "create", "/a", "t"),
        (3, 4, "ok", "append", "/a", "u"),
    ),
    "an unknown outcome that was there and then not": told(
        (1, None, None, "mkdir", "/a"),
        (2, 3, "directory", "stat", "/a"),
        (4, 5, None, "stat", "/a"),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_one_order_explains_is_accepted(name):
    order = check(GOOD[name], step, START)
    assert {operation for operation in GOOD[name] if operation.is_known} <= set(order)


@pytest.mark.parametrize("name", BAD)
def test_what_no_order_explains_is_refused(name):
    with pytest.raises(NotLinearizable, match="nothing explains"):
        check(BAD[name], step, START)


def test_a_search_that_takes_too_long_is_told():
    history = [Operation(n, None, ("mkdir", f"/{n}")) for n in range(20)]
    history.append(Operation(20, 21, ("stat", "/20"), "directory"))
    with pytest.raises(BudgetExceeded):
        check(history, step, START, budget=10_000)


def test_many_unknown_outcomes_that_are_alike_are_no_burden():
    """The second history is refused only when every choice among them has been tried."""
    unknown = []
    for n in range(0, 60, 2):
        unknown.append(Operation(n, None, ("create", "/a", f"t{n}")))
        unknown.append(Operation(n + 1, None, ("delete", "/a" if n < 50 else "/b")))
    seen = [
        Operation(100 + 2 * n, 101 + 2 * n, ("stat", "/a"), ("open",) if n % 2 else None)
        for n in range(52)
    ]
    assert check(simplified(unknown + seen[:51]), step, START, budget=10_000)
    seen += [
        Operation(300, 301, ("stat", "/a"), None),
        Operation(302, 303, ("delete", "/b"), True),
    ]
    with pytest.raises(NotLinearizable, match="delete"):
        check(simplified(unknown + seen), step, START, budget=10_000)


def test_what_is_simplified_has_the_same_verdict():
    rng = random.Random(11)
    verdicts = []
    for _ in range(600):
        times = rng.sample(range(100), 16)
        history, tokens = [], []
        for n in range(8):
            call, returned = sorted((times.pop(), times.pop()))
            path, known = rng.choice(["/a", "/b"]), rng.random() < 0.6
            if tokens and rng.random() < 0.3:
                action, results = ("finish", rng.choice(tokens), 5), ["ok", "gone"]
            else:
                action, results = rng.choice(
                    [
                        (("create", path, f"t{n}"), ["ok", "exists"]),
                        (("append", path, f"t{n}"), ["ok", "missing", "busy"]),
                        (("delete", path), [True, False]),
                        (("stat", path), [None, ("open",), ("file", 0), ("file", 5)]),
                    ]
                )
                if action[0] in ("create", "append"):
                    tokens.append(action[2])
            result = rng.choice(results) if known else None
            history.append(Operation(call, returned if known else None, action, result))
        found = []
        for same in (history, simplified(history)):
            try:
                check(same, step, START)
                found.append(True)
            except NotLinearizable:
                found.append(False)
        assert found[0] == found[1], "\n".join(map(str, history))
        verdicts.append(found[0])
    assert 50 < sum(verdicts) < 550


def explained(history):
    """The same question, by trying every order."""
    for order in permutations(history):
        if any(
            later.is_known and later.returned < earlier.call
            for at, earlier in enumerate(order)
            for later in order[at + 1 :]
        ):
            continue
        state = START
        for operation in order:
            state = step(state, operation)
            if state is None:
                break
        else:
            return True
    return False


def test_it_agrees_with_a_search_through_all_orders():
    rng = random.Random(7)
    verdicts = []
    for _ in range(400):
        times = rng.sample(range(100), 10)
        history = []
        for _ in range(5):
            call, returned = sorted((times.pop(), times.pop()))
            path, known = rng.choice(["/a", "/b"]), rng.random() < 0.85
            action, results = rng.choice(
                [
                    (("mkdir", path), ["ok", "exists"]),
                    (("delete", path), [True, False]),
                    (("stat", path), [None, "directory"]),
                    (("rename", path, rng.choice(["/a", "/b"]), False), ["ok", "missing"]),
                ]
            )
            result = rng.choice(results) if known else None
            history.append(Operation(call, returned if known else None, action, result))
        try:
            check(history, step, START)
            found = True
        except NotLinearizable:
            found = False
        assert found == explained(history), "\n".join(map(str, history))
        verdicts.append(found)
    assert 50 < sum(verdicts) < 350
