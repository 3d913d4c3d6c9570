"""Child processes: they never outlive us unnoticed, are watched, and start again when they die."""
