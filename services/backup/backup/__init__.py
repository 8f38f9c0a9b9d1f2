"""Keeps copies of people's mail for a time, mirrors what they have, and brings it back."""
