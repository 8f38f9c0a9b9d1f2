"""Hands copies of what a mailstore has delivered to the backup machines, and lets no delivery wait for it."""
