"""How other programs are started: by nobody's PATH and in nobody's language, for their answers are read."""

from __future__ import annotations

#: An operator's locale writes 12,50 % (snap_percent), and "su" leaves a PATH without /usr/sbin.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LVM_SUPPRESS_FD_WARNINGS": "1"}
