"""Orders with their customers: a join of a CSV file and JSON lines in the reducer.

mapred submit mapred/examples/join.py customers=people.csv orders=orders.jsonl -o joined

People have the columns id, name and country; orders are objects with customer and cents.
The output is CSV: the id, the name, and the cents of each order, nothing for who has none.
"""

from collections.abc import Iterator
from typing import Any

from mapred import Format, Input, Job
from mapred.joins import Left, LeftJoin, Right


class Customers(Left):
    def key(self, record: Any) -> Any:
        return record["id"]


class Orders(Right):
    def key(self, record: Any) -> Any:
        return record["customer"]


class Named(LeftJoin):
    def join(self, key: Any, left: Any, right: Any) -> Iterator[tuple[Any, Any]]:
        yield key, (left["name"], right["cents"] if right else None)


class CustomerOrders(Job):
    """A line per order, and one per customer without any."""

    inputs = (
        Input("customers", format=Format("csv", types={"id": "int"}), mapper=Customers),
        Input("orders", format="jsonl", mapper=Orders),
    )
    reducer = Named
    output_format = Format("csv", columns=["id", "name", "cents"])
