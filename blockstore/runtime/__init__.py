"""What every daemon and client stands on: time, retries, RPC, liveness, configuration."""
