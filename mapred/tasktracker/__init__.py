"""mapred's tasktracker."""
