"""Stands between a mail server and Dovecot, so that a fault is not called a wrong password."""
