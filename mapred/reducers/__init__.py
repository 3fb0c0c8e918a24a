"""Ready-made reducers. `reducer = Sum` is all: maps combine with it by themselves."""

from mapred.reducers.numbers import Count as Count
from mapred.reducers.numbers import Max as Max
from mapred.reducers.numbers import Min as Min
from mapred.reducers.numbers import Sum as Sum
