"""The block store's datanode."""
