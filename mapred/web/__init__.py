"""mapred's web."""
