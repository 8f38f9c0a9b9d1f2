"""Which TLS a receiver promises: keys in signed DNS (DANE) before policies by HTTPS (MTA-STS)."""
