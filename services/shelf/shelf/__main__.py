"""Run as ``python3 -m shelf``."""

import sys

from .command import main

sys.exit(main())
