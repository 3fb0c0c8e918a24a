"""Orders with their customers' countries: a join with a small table that every mapper holds.

mapred submit mapred/examples/lookup.py orders.jsonl -D people=file:///data/people.csv -o found

The files are those of join.py. There's no shuffle: the part files are the maps' own.
"""

from collections.abc import Iterator
from typing import Any

from mapred import Format, Job, Param
from mapred.joins import BroadcastJoin


class Country(BroadcastJoin):
    form = Format("csv", types={"id": "int"})

    def table(self) -> str:
        people: str = self.ctx.params.people
        return people

    def table_key(self, row: Any) -> Any:
        return row["id"]

    def key(self, record: Any) -> Any:
        return record["customer"]

    def join(self, key: Any, record: Any, row: Any) -> Iterator[tuple[Any, Any]]:
        yield row["country"], record["cents"]


class CountryOrders(Job):
    """Country and cents of every order whose customer is known."""

    people: str = Param(help="URI of the table, a CSV file with the columns id and country")
    mapper, input_format = Country, "jsonl"
