"""Run as ``python3 -m tls_policy``."""

import sys

from .command import main

sys.exit(main())
