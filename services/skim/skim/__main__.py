"""Run as ``python3 -m skim``."""

import sys

from .command import main

sys.exit(main())
