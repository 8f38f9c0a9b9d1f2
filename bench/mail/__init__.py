"""How many messages a second: delivery, the three stages, and refusals while good senders are served."""
