"""Each kind of value that an inventory may hold takes what it is for, and nothing else."""

from __future__ import annotations

import pytest
import yaml

from module_utils.site_check.kinds import judge
from module_utils.site_check.reading import Loader


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", "12", "twelve"),
        ("bool", "true", "maybe"),
        ("float", "1.5", "x"),
        ("address", "2001:db8::1", "192.0.2.0/24"),
        ("network", "2001:db8::/32", "example.edu"),
        ("domain", "a-b.example.edu", "a_b.example.edu"),
        ("mail_address", "a.b+c@example.edu", "a@b@example.edu"),
        ("hardware_address", "02:00:0a:00:01:18", "02-00-0a-00-01-18"),
        ("dict", "{a: 1}", "[a]"),
        ("str", "x", "[x]"),
    ],
)
def test_kinds(kind: str, good: str, bad: str) -> None:
    spec = {"type": kind}
    for text, faults in ((good, 0), (bad, 1)):
        node = yaml.compose(text, Loader=Loader)
        assert node is not None
        assert len(list(judge("it", node, spec))) == faults
