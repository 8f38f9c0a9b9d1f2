#!/usr/bin/python
"""The whole picture a role has of a machine, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tree
short_description: Make a machine look like a role's picture of it, in one round trip
description:
  - Renders every file below the role's C(templates/) on the control node, reads every file below C(files/) as it is, and sends them
    together with packages, commands and units in one call.
  - On the machine everything is compared for real; what differs is changed, in this order. Files below C(/etc/apt) and C(/etc/dpkg)
    when packages are missing, packages (without starting their services), users from C(/etc/sysusers.d), all files (staged, validated,
    then renamed into place together), removal of files no longer shipped, directories from C(/etc/tmpfiles.d), O(verify), O(commands),
    C(daemon-reload), O(units).
  - The state file C(/var/lib/posthouse/tree/NAME.json) remembers which paths the tree owns and with which contents each command last
    succeeded and each unit was last activated. A run that was interrupted is completed by the next one. No handlers are needed.
  - A symbolic link at a path where the role ships a file is replaced, not followed. Directories above it may be links. A symbolic link
    in C(templates/) or C(files/) is shipped as that link.
  - Missing directories above a file are made as root, mode 0755, and removed again when nothing is shipped below them and they are empty.
    Directories with other owners or modes are lines of a file in C(/etc/tmpfiles.d), users are lines of a file in C(/etc/sysusers.d).
  - A template that renders to nothing but white space is a file not shipped. A template or file that is executable is shipped with mode
    0755. Names at the top of C(templates/) that begin with an underscore are parts for C({% include %}) and C({% import %}), not shipped.
  - A unit always follows its own definition and drop-ins below C(/etc/systemd/system) as if they stood in its C(restart).
    When such a definition is no longer shipped, its unit is stopped and disabled first.
attributes:
  check_mode:
    description: Predicts, also on an empty machine where packages, users and units are still missing.
    support: full
  diff_mode:
    description: Shows contents, owners and modes; never the content of a file that is O(attributes) C(secret).
    support: full
options:
  name:
    description: Name of the tree, and so of its state file.
    type: str
    default: the name of the role
  source:
    description: Directory of the role whose files are templates. Empty, nothing is rendered or read, and everything that this tree
      shipped before (except O(files)) is removed.
    type: str
    default: templates
  verbatim:
    description: Directory of the role whose files are shipped as they are; it need not exist.
    type: str
    default: files
  files:
    description: Further files, path to content, for names that are computed. Content is text.
    type: dict
    default: {}
  attributes:
    description:
      - Path to what is not root:root 0644. Keys are C(owner), C(group), C(mode) (octal digits in quotes), C(secret) (the content is shown
        nowhere, and the mode is 0600 unless given), C(validate) (a command without shell;
        C(%s) is the new file; nothing is replaced unless it succeeds) and C(when) (false,
        the file is not shipped).
      - A path that is not shipped is an error.
    type: dict
    default: {}
  packages:
    description: Debian packages that shall be installed. Missing ones are installed in one call, without recommended ones.
    type: list
    elements: str
    default: []
  debconf:
    description: Answers for debconf, given before packages are installed, as lines of debconf-set-selections(1).
    type: list
    elements: str
    default: []
  verify:
    description: Commands without shell that judge the new files after they are in place and before anything is restarted. When one fails,
      the old files are put back and the task fails with its output.
    type: list
    elements: raw
    default: []
  commands:
    description:
      - Commands that follow files. Keys are C(name), C(run) (a list of words, or a line without shell), C(on) (files or directories,
        also of other roles) and C(creates) (a path the command makes; when it is missing the command runs)
        and C(when) (false, there is no such command).
      - A command runs when a file at or below C(on) is not what it was when the command last succeeded.
    type: list
    elements: dict
    default: []
  units:
    description:
      - systemd units, handled in this order. Keys are C(name), C(state) (started, stopped or any; default started), C(enabled) (default
        true for a started unit), C(masked), C(restart) and C(reload) (files or directories, also of other roles) and C(when) (false, the
        unit is left alone).
      - A unit is restarted or reloaded when such a file is not what it was when the unit was last started, restarted or reloaded by this
        tree. Restart wins. A unit without the ability to reload is restarted.
      - In C(restart), C(reload) and C(on) a directory stands for the files that this and other trees ship below it, not for what daemons
        write there; a path of a file stands for that file, whoever wrote it.
      - A oneshot unit without RemainAfterExit is started when such a file changed, or when it failed.
    type: list
    elements: dict
    default: []
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: Install, configure and serve
  tree:
    packages: [bind9]
    files:
      /etc/bind/zones/example.org.zone: "{{ dns_zone }}"
    attributes:
      /etc/bind/rndc.key: {group: bind, mode: "0640", secret: true}
      /etc/bind/named.conf.options: {validate: "named-checkconf %s"}
    verify: [named-checkconf -z]
    units:
      - {name: named.service, restart: [/etc/default/named], reload: [/etc/bind]}

- name: Retire what a role shipped that is no more
  tree:
    name: oldrole
    source: ""
"""

RETURN = r"""
paths:
  description: Files written or removed and directories made or put right.
  returned: always
  type: list
  elements: str
packages:
  description: Packages installed.
  returned: always
  type: list
  elements: str
accounts:
  description: Accounts and memberships made.
  returned: when there were any
  type: list
  elements: str
commands:
  description: Names of the commands that ran.
  returned: always
  type: list
  elements: str
units:
  description: Unit to the verbs of systemctl it got.
  returned: always
  type: dict
  sample: {"named.service": ["reload-or-restart"]}
at_rest:
  description: Trees of this machine that had nothing to do either when this one had looked, with the digests of their pictures. The
    tasks of these trees that follow in this run only render and compare that digest (docs/decisions/0011-at-rest.md).
  returned: when nothing was changed
  type: dict
restored:
  description: Paths put back.
  returned: when O(verify) failed
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tree.agent import converge


def main() -> None:
    """Do what the action asks when it cannot start the agent itself: over a connection that passes no standard input."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "agent": {"type": "str"},
            "digest": {"type": "str"},
            "files": {"type": "dict", "default": {}},
            "packages": {"type": "list", "elements": "str", "default": []},
            "debconf": {"type": "list", "elements": "str", "default": []},
            "verify": {"type": "list", "elements": "raw", "default": []},
            "commands": {"type": "list", "elements": "dict", "default": []},
            "units": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
        no_log=True,  # whole files stand in the arguments: nothing of them belongs into the machine's log
    )
    result = converge({**module.params, "check": module.check_mode, "diff": module._diff})
    # Naming the invocation keeps AnsibleModule from repeating all files in it.
    module.exit_json(invocation={"module_args": {"name": module.params["name"]}}, **result)


if __name__ == "__main__":
    main()
