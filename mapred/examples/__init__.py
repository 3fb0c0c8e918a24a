"""mapred's examples."""
