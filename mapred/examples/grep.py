"""What a regular expression matches, and how often: Hadoop's grep without its second job.

mapred submit mapred/examples/grep.py TEXT... -D pattern='[Gg]host'
"""

import re
from collections.abc import Iterator

from mapred import Job, Mapper, Param, Reducer


class Matches(Mapper):
    def setup(self) -> None:
        self.pattern = re.compile(self.ctx.params.pattern)
        self.group = self.ctx.params.group

    def map(self, offset: int, line: str) -> Iterator[tuple[str, int]]:
        for match in self.pattern.finditer(line):
            self.ctx.count("grep", "matches")
            yield match.group(self.group), 1


class Total(Reducer):
    def reduce(self, text: str, counts: Iterator[int]) -> Iterator[tuple[str, int]]:
        yield text, sum(counts)


class Grep(Job):
    """Texts that match, with their numbers."""

    pattern: str = Param(help="regular expression, as Python's re has them")
    group: int = Param(0, help="which group of the expression to count; 0: all that matched")
    mapper, combiner, reducer = Matches, Total, Total
