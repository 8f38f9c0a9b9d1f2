"""Keeps SpamAssassin's rules fresh: fetched, linted with the site's own, put back when they do not fit."""
