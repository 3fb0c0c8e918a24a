import pytest

import mapred
from mapred import Job, Mapper, Param, Reducer
from mapred.errors import JobDefinitionError
from mapred.job import check


def refusal(**attributes):
    with pytest.raises(JobDefinitionError) as refused:
        check(type("Mine", (Job,), attributes))
    return str(refused.value)


def test_a_job_needs_a_mapper():
    assert "Mine has no mapper. Give it one" in refusal(reducer=Reducer)


def test_a_part_must_be_a_class_of_its_kind():
    assert "must be a class that derives from mapred.Mapper" in refusal(mapper=Reducer)
    assert "Mine.mapper is <mapred" in refusal(mapper=Mapper())
    assert "derives from mapred.Reducer" in refusal(mapper=Mapper, combiner=sum)
    assert "derives from mapred.Partitioner" in refusal(mapper=Mapper, partitioner=hash)


def test_a_combiner_needs_a_reducer():
    assert "a combiner but no reducer" in refusal(mapper=Mapper, combiner=Reducer)


def test_a_parameter_cannot_take_the_name_of_an_attribute():
    assert "Mine.reducers can't be a parameter" in refusal(mapper=Mapper, reducers=Param(3))


def test_a_mapper_without_map_says_so():
    class Empty(Mapper):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no map\(self, key, value\)"):
        Empty().map(0, "line")


def test_everything_that_the_package_promises_is_there():
    for name in mapred.__all__:
        assert getattr(mapred, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mapred.Nothing  # noqa: B018
