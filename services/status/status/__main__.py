"""Start the command: python3 -m status."""

import sys

from .command import main

sys.exit(main())
