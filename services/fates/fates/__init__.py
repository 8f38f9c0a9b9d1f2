"""What became of every connection and every message, told from the logs of exchangers and mailstores."""
