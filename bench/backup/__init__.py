"""What backups cost, how fast they come back, and how much room they take."""
