"""Run as ``python3 -m site_state``."""

import sys

from .command import main

sys.exit(main())
