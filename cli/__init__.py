"""The `mapred` command."""
