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
    from mapred.columnar import BatchMapper as BatchMapper
    from mapred.columnar import BatchReducer as BatchReducer
    from mapred.columnar import BlockMapper as BlockMapper
    from mapred.formats.choice import Format as Format
    from mapred.job import Job as Job
    from mapred.jobinputs import Input as Input
    from mapred.params import Param as Param
    from mapred.pipeline import Pipeline as Pipeline
    from mapred.records import Mapper as Mapper
    from mapred.records import Partitioner as Partitioner
    from mapred.records import Reducer as Reducer
    from mapred.reducers.approximate import ApproxCountDistinct as ApproxCountDistinct
    from mapred.reducers.chosen import Histogram as Histogram
    from mapred.reducers.chosen import TopK as TopK
    from mapred.reducers.distinct import CountDistinct as CountDistinct
    from mapred.reducers.distinct import Distinct as Distinct
    from mapred.reducers.moments import Mean as Mean
    from mapred.reducers.moments import Variance as Variance
    from mapred.reducers.numbers import Count as Count
    from mapred.reducers.numbers import Max as Max
    from mapred.reducers.numbers import Min as Min
    from mapred.reducers.numbers import Sum as Sum
    from mapred.reducers.sequences import Collect as Collect
    from mapred.reducers.sequences import First as First
    from mapred.reducers.sequences import Last as Last

_HOME: Final = {
    "ApproxCountDistinct": "mapred.reducers.approximate",
    "BatchMapper": "mapred.columnar",
    "BatchReducer": "mapred.columnar",
    "BlockMapper": "mapred.columnar",
    "Collect": "mapred.reducers.sequences",
    "Count": "mapred.reducers.numbers",
    "CountDistinct": "mapred.reducers.distinct",
    "Distinct": "mapred.reducers.distinct",
    "First": "mapred.reducers.sequences",
    "Format": "mapred.formats.choice",
    "Histogram": "mapred.reducers.chosen",
    "Input": "mapred.jobinputs",
    "Job": "mapred.job",
    "Last": "mapred.reducers.sequences",
    "Mapper": "mapred.records",
    "Max": "mapred.reducers.numbers",
    "Mean": "mapred.reducers.moments",
    "Min": "mapred.reducers.numbers",
    "Param": "mapred.params",
    "Partitioner": "mapred.records",
    "Pipeline": "mapred.pipeline",
    "Reducer": "mapred.records",
    "Sum": "mapred.reducers.numbers",
    "TopK": "mapred.reducers.chosen",
    "Variance": "mapred.reducers.moments",
}

__all__ = [
    "ApproxCountDistinct",
    "BatchMapper",
    "BatchReducer",
    "BlockMapper",
    "Collect",
    "Count",
    "CountDistinct",
    "Distinct",
    "First",
    "Format",
    "Histogram",
    "Input",
    "Job",
    "Last",
    "Mapper",
    "Max",
    "Mean",
    "Min",
    "Param",
    "Partitioner",
    "Pipeline",
    "Reducer",
    "Sum",
    "TopK",
    "Variance",
]


def __getattr__(name: str) -> object:
    # Daemons import this package for its nouns only: they don't pay for the API.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
