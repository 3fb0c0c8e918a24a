"""mapred's shuffle."""
