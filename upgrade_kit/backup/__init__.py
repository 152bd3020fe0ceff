"""Makes a backup, proves it, and restores it."""
