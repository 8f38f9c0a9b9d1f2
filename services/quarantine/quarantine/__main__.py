"""Run as ``python3 -m quarantine``."""

import sys

from .command import main

sys.exit(main())
