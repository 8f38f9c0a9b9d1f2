"""What can go wrong, in sentences for the operator."""


class StateError(Exception):
    """It did not work; the message says why and what to do."""
