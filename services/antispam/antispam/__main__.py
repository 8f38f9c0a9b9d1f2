"""Run as ``python3 -m antispam``."""

import sys

from .command import main

sys.exit(main())
