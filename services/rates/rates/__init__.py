"""Counts to how many recipients people and devices write, warns them, and keeps what is too much for somebody to look at."""
