"""What several of our services need. It travels beside each service that imports it (docs/decisions/0006)."""
