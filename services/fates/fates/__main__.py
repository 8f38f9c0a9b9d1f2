"""Run the command: python3 -m fates."""

import sys

from .command import main

sys.exit(main())
