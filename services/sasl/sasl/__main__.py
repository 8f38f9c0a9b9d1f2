"""Run as ``python3 -m sasl``."""

import sys

from .command import main

sys.exit(main())
