"""The front door of Posthouse: everything behind ``./lab``."""
