"""The inventory as names: what each side sees of a machine, which records mail needs, and the keys that zones are signed with."""
