"""mapred's jobtracker."""
