"""The block store's client."""
