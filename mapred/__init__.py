"""MapReduce in Python: what a job file imports.

from mapred import Job, Mapper, Reducer

class Words(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class WordCount(Job):
    mapper, combiner, reducer = Words, Total, Total
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapred.formats.choice import Format as Format
    from mapred.job import Job as Job
    from mapred.jobinputs import Input as Input
    from mapred.params import Param as Param
    from mapred.records import Mapper as Mapper
    from mapred.records import Partitioner as Partitioner
    from mapred.records import Reducer as Reducer
    from mapred.reducers.numbers import Count as Count
    from mapred.reducers.numbers import Max as Max
    from mapred.reducers.numbers import Min as Min
    from mapred.reducers.numbers import Sum as Sum

_HOME: Final = {
    "Count": "mapred.reducers.numbers",
    "Format": "mapred.formats.choice",
    "Input": "mapred.jobinputs",
    "Job": "mapred.job",
    "Mapper": "mapred.records",
    "Max": "mapred.reducers.numbers",
    "Min": "mapred.reducers.numbers",
    "Param": "mapred.params",
    "Partitioner": "mapred.records",
    "Reducer": "mapred.records",
    "Sum": "mapred.reducers.numbers",
}

__all__ = [
    "Count",
    "Format",
    "Input",
    "Job",
    "Mapper",
    "Max",
    "Min",
    "Param",
    "Partitioner",
    "Reducer",
    "Sum",
]


def __getattr__(name: str) -> object:
    # Daemons import this package for its nouns only: they don't pay for the API.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
