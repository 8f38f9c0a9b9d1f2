"""Run the front door: ``python -m frontdoor``."""

from frontdoor.cli import main

raise SystemExit(main())
