"""mapred's task."""
