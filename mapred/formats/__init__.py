"""mapred's formats."""
