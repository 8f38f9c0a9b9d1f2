"""Makes LUNs of a shelf and the interface they are exported on, and says how they are."""
