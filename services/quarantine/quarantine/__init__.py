"""What the content filter has stopped: kept in MariaDB, shown, released, learned from, purged."""
