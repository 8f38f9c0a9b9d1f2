"""Watches DNS lists, takes out the ones that died or list the world, and fetches local mirrors."""
