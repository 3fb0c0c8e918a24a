"""For all tests: hypothesis judges what comes out, not how fast a busy machine was."""

from hypothesis import settings

settings.register_profile("mapred", deadline=None)
settings.load_profile("mapred")
