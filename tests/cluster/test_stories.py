"""Stories of jobs in a real store: whole, or not there."""

import pytest

from mapred.jobtracker.entries import EpochBegan
from mapred.jobtracker.storedstories import StoredStories
from mapred.jobtracker.stories import STORIES_DIRECTORY, decode_story, story_path

pytestmark = pytest.mark.cluster

JOB = "job_20261129000000_0001"
STORY = [EpochBegan(1, 0), EpochBegan(2, 1)]


def test_a_story_that_was_torn_by_a_death_is_written_again(cluster):
    cluster.start(1)
    store = cluster.client()
    archive = StoredStories(cluster.address)
    store.mkdir(STORIES_DIRECTORY)
    torn = store.open(story_path(JOB) + "._COPYING_", "wb")
    torn.write(b"half a li")
    torn.hflush()

    archive.keep(JOB, STORY)

    with store.open(story_path(JOB)) as file:
        assert decode_story(file.read(), JOB) == STORY
    archive.keep(JOB, STORY[:1])
    with store.open(story_path(JOB)) as file:
        assert decode_story(file.read(), JOB) == STORY, "the first one stays"
    assert [entry.name for entry in store.list(STORIES_DIRECTORY)] == [f"{JOB}.jsonl"]
    archive.remove(JOB)
    assert list(store.list(STORIES_DIRECTORY)) == []
    torn.discard()
