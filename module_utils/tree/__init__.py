"""What a role wants a machine to look like, compared with the machine and made true: decide, then act.

The modules of this package run on the machine. They are started hundreds of times a day with nothing to do, so they
import little: no subprocess, typing, tempfile or dataclasses, which together cost more than all comparisons
(docs/decisions/0001-tree.md).
"""
