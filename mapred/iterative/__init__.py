"""mapred's iterative."""
