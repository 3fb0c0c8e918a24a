"""Sums of a Parquet file's column by another, as batches: BY=user numbers, BY=name strings."""

from mapred import BatchMapper, Format, Job, Sum


class ByUser(BatchMapper):
    def map_batch(self, batch):
        yield batch["user"], batch["amount"]


class ByName(BatchMapper):
    def map_batch(self, batch):
        yield batch["name"], batch["amount"]


class SumsByUser(Job):
    """A million keys that are numbers."""

    mapper, reducer = ByUser, Sum
    input_format = Format("parquet", columns=["user", "amount"])
    output_format = Format("parquet", types={"key": "int64", "value": "int64"})


class SumsByName(Job):
    """As many keys that are strings."""

    mapper, reducer = ByName, Sum
    input_format = Format("parquet", columns=["name", "amount"])
    output_format = Format("parquet", types={"key": "string", "value": "int64"})
