"""Keeps an exchanger's table of valid recipients in step with the directory."""
