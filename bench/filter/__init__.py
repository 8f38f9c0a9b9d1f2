"""How many messages a second the whole exchanger takes, against a bare Postfix hop and amavis alone, and what bounds it."""
