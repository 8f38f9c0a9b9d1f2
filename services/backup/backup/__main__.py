"""Run as ``python3 -m backup``."""

import sys

from .command import main

sys.exit(main())
