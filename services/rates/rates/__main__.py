"""Run as ``python3 -m rates``."""

import sys

from .command import main

sys.exit(main())
