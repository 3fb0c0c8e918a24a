"""mapred's storage."""
