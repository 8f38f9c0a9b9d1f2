"""Run as ``python3 -m recipients``."""

import sys

from .command import main

sys.exit(main())
