"""Judge an inventory before anything changes: names, kinds and promises, each fault with its file, line and remedy."""
