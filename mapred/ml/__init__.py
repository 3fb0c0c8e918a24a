"""mapred's ml."""
