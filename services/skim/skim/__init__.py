"""Looks at letters that are handed in, with their senders' logins, and judges them by rules."""
