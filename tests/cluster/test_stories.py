"""Stories of jobs in a real store: whole, or not there."""

import pytest

from mapred.jobtracker.entries import EpochBegan
from mapred.jobtracker.storedstories import StoredStories
from mapred.jobtracker.stories import STORIES_DIRECTORY, decode_story, story_path
from mapred.keptlogs import LOGS_DIRECTORY, job_directory

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
    logs = cluster.client(user="ana")
    store.mkdir(LOGS_DIRECTORY, mode=0o1777)
    logs.mkdir(job_directory(JOB), mode=0o750)
    archive.sweep(JOB)
    assert store.exists(job_directory(JOB))
    archive.sweep("job_20261129000000_0002")
    assert list(store.list(LOGS_DIRECTORY)) == []
    assert list(store.list(STORIES_DIRECTORY)) == []
    torn.discard()
