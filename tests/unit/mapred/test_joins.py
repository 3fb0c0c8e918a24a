"""Joins of all kinds, with SQL as the oracle."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.errors import InputError
from mapred.joins import BroadcastJoin, FullJoin, InnerJoin, Left, LeftJoin, Right, RightJoin

KEYS = st.none() | st.integers(0, 3)
OTHERS = {name: f"select k from {name} where k is not null" for name in "lr"}
RECORDS = st.lists(KEYS, max_size=8)


def pairs(kind, keys):
    mapper = kind()
    mapper.key = lambda record: record[0]
    records = [(key, at) for at, key in enumerate(keys)]
    return [pair for record in records for pair in mapper.map(None, record)]


def joined(join, left, right):
    """As the engine groups them: by key, left before right."""
    groups = {}
    for key, value in [*pairs(Left, left), *pairs(Right, right)]:
        groups.setdefault(key, []).append(value)
    reducer = join()
    found = [pair for key, values in groups.items() for pair in reducer.reduce(key, iter(values))]
    return [(key, one and one[1], other and other[1]) for key, (one, other) in found]


def of_sql(kind, left, right):
    with closing(sqlite3.connect(":memory:")) as sql:
        for name, keys in (("l", left), ("r", right)):
            sql.execute(f"create table {name} (k integer, at integer)")
            sql.executemany(
                f"insert into {name} values (?, ?)", [(key, at) for at, key in enumerate(keys)]
            )
        # Spelled out: older SQLites have only the left join.
        queries = ["select l.k, l.at, r.at from l join r on l.k = r.k"]
        if kind in ("left", "full"):
            queries.append(
                "select k, at, null from l where k is null or k not in (" + OTHERS["r"] + ")"
            )
        if kind in ("right", "full"):
            queries.append(
                "select k, null, at from r where k is null or k not in (" + OTHERS["l"] + ")"
            )
        return [row for query in queries for row in sql.execute(query)]


def unordered(rows):
    return sorted(rows, key=repr)


@pytest.mark.parametrize(
    ("join", "kind"),
    [(InnerJoin, "inner"), (LeftJoin, "left"), (RightJoin, "right"), (FullJoin, "full")],
)
def test_a_join_is_that_of_sql(join, kind):
    @settings(max_examples=15, deadline=None)
    @given(RECORDS, RECORDS)
    def check(left, right):
        assert unordered(joined(join, left, right)) == unordered(of_sql(kind, left, right))

    check()


def test_sides_in_the_wrong_order_are_an_error():
    values = iter([(1, "right"), (0, "left")])
    with pytest.raises(InputError, match="declare the left input first"):
        list(InnerJoin().reduce("k", values))


def test_a_broadcast_join_reads_its_table_once(tmp_path):
    (tmp_path / "t.csv").write_text("k,v\na,1\nb,2\na,3\n,4\n")

    class Look(BroadcastJoin):
        keeps_unmatched = True

        def table(self):
            return tmp_path / "t.csv"

        def table_key(self, row):
            return row["k"] or None

        def key(self, record):
            return record

    mapper = Look()
    rows = {key: list(mapper.map(0, key)) for key in ("a", "b", "c", None)}
    assert [row["v"] for _, (_, row) in rows["a"]] == ["1", "3"]
    assert [row["v"] for _, (_, row) in rows["b"]] == ["2"]
    assert rows["c"] == [("c", ("c", None))]
    assert rows[None] == [(None, (None, None))]
    (tmp_path / "t.csv").unlink()
    assert list(Look().map(0, "b")) == rows["b"]
