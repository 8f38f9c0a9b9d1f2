"""Seals what a machine knows beside mail to the operators' keys, and hands it to backup machines (docs/site_state.md)."""
