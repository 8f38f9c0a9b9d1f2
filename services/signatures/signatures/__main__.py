"""Run as ``python3 -m signatures``."""

import sys

from .command import main

sys.exit(main())
