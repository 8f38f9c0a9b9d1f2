"""Fetches, tests and installs ClamAV's signatures; a broken database never replaces a good one."""
