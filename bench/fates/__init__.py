"""How fast fates are told from a log of the talk's week, against a regular expression per line, pflogsumm, and grep as the floor."""
