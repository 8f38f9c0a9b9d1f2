"""Brings a machine's storage up when it is there, and says how it is."""
