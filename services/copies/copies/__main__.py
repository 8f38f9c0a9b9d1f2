"""Run as ``python3 -m copies``."""

import sys

from .command import main

sys.exit(main())
