"""Where the front door keeps things: the checkout, one cache folder, and /run while the lab is up."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("POSTHOUSE_CACHE", "/var/cache/posthouse"))

# What must not outlive a reboot of the control node: podman's run state and ssh's control sockets.
# Short on purpose: a path of a unix socket has at most 107 characters (unix(7)).
RUN = Path("/run/posthouse")

STATE = CHECKOUT / ".lab"
LOGS = STATE / "log"
SSH = STATE / "ssh"
SSH_CONFIG = SSH / "config"
SSH_KEY = SSH / "key"
CONTROL_SOCKETS = RUN / "ssh"

STORE = CACHE / "containers"
DEPOT = CACHE / "depot"
VIRTUAL = CACHE / "virtual"

INVENTORY = CHECKOUT / "inventory" / "lab"
# The same with a mailstore on a shelf: virtual machines, which take longer.
STORAGE_INVENTORY = CHECKOUT / "inventory" / "lab_storage"
