"""How a machine of a mail cluster is, how the cluster looks from the world, and what to do about it."""
