"""What `mapred fs` can do: each module has the commands of one kind, and imports no other."""
