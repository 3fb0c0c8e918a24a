"""Records of 100 bytes, ten of them key, in order over all parts."""

from mapred import Format, Job, Mapper, Reducer
from mapred.ordering import TotalOrder


class Records(Mapper):
    def map(self, key, rest):
        yield key, rest


class Same(Reducer):
    def reduce(self, key, values):
        for rest in values:
            yield key, rest


class SortRecords(Job):
    """By the bytes of the keys."""

    mapper, reducer, partitioner = Records, Same, TotalOrder
    input_format = Format("fixed", record_bytes=100, key_bytes=10)
    output_format = Format("fixed", record_bytes=100)
