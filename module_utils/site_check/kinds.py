"""Judge a value against its description: the language of argument_specs, and the kinds that a cluster needs beside it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from module_utils.site_check.reading import is_empty, near, pairs

Spec = Mapping[str, Any]

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"({LABEL}\.)+{LABEL}")
MAIL_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@({LABEL}\.)+{LABEL}")
TRUTH = {"yes", "no", "true", "false", "on", "off", "1", "0", "y", "n", "t", "f"}


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{text} is no IP address" + (", it is a network: leave out what follows the slash" if "/" in text else "")
    return ""


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            whole = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return f"{text} is no network: write it like 192.0.2.0/24"
        return f"{text} has bits beyond its prefix: write {whole}, or {text.partition('/')[0]}/{whole.max_prefixlen} for the one machine"
    return ""


def _domain(text: str) -> str:
    if DOMAIN.fullmatch(text) and len(text) <= 253:
        return ""
    better = text.lower().rstrip(".")
    return f"{text} is no domain name" + (f": write {better}" if better != text and DOMAIN.fullmatch(better) else "")


def _mail_address(text: str) -> str:
    return "" if MAIL_ADDRESS.fullmatch(text) else f"{text} is no mail address: write it like postmaster@example.org"


def _hardware_address(text: str) -> str:
    good = re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text)
    return "" if good else f'{text} is no hardware address: write it like "02:00:00:00:01:18", with quotes'


def _int(text: str) -> str:
    return "" if re.fullmatch(r"[+-]?\d+", text) else f"{text} is no whole number"


def _float(text: str) -> str:
    return "" if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text) else f"{text} is no number"


def _bool(text: str) -> str:
    return "" if text.lower() in TRUTH else f"{text} is neither true nor false"


SCALARS: dict[str, Callable[[str], str]] = {
    "str": lambda _: "",
    "path": lambda _: "",
    "int": _int,
    "float": _float,
    "bool": _bool,
    "address": _address,
    "network": _network,
    "domain": _domain,
    "mail_address": _mail_address,
    "hardware_address": _hardware_address,
}


def judge(name: str, node: yaml.Node, spec: Spec) -> Iterator[tuple[yaml.Node, str]]:
    """Say what is wrong with a value: the node and a sentence. name: as people write it, with [n] and .key for what is inside."""
    kind = spec.get("type", "str")
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    if kind == "raw" or "{{" in text or node.tag.startswith("!"):
        # An expression or a vault's secret: only a run knows it.
        return
    if is_empty(node):
        if spec.get("required"):
            yield node, f"{name} is empty; {_wanted(spec)}"
        return
    if kind == "list":
        yield from _judge_list(name, node, spec)
    elif kind == "dict":
        yield from _judge_dict(name, node, spec)
    elif not isinstance(node, yaml.ScalarNode):
        yield node, f"{name} has to be one value, not {_shape(node)}; {_wanted(spec)}"
    else:
        fault = SCALARS[kind](text)
        if fault:
            yield node, f"{name}: {fault}"
        elif spec.get("choices") and text not in map(str, spec["choices"]):
            yield node, f"{name}: {text} is none of {', '.join(map(str, spec['choices']))}{near(text, map(str, spec['choices']))}"


def _judge_list(name: str, node: yaml.Node, spec: Spec) -> Iterator[tuple[yaml.Node, str]]:
    if not isinstance(node, yaml.SequenceNode):
        yield node, f"{name} has to be a list: write [{node.value}]" if isinstance(node, yaml.ScalarNode) else f"{name} has to be a list"
        return
    inner = {key: spec[key] for key in ("options", "choices") if key in spec} | {"type": spec.get("elements", "raw"), "required": True}
    for index, item in enumerate(node.value):
        yield from judge(f"{name}[{index}]", item, inner)


def _judge_dict(name: str, node: yaml.Node, spec: Spec) -> Iterator[tuple[yaml.Node, str]]:
    if not isinstance(node, yaml.MappingNode):
        yield node, f"{name} has to be a mapping of names to values, not {_shape(node)}"
        return
    options = spec.get("options")
    if not options:
        return
    given = {}
    for key, key_node, value in pairs(node):
        given[key] = value
        if key in options:
            yield from judge(f"{name}.{key}", value, options[key])
        else:
            yield key_node, f"{name} has no {key}{near(key, options) or '; there are ' + ', '.join(sorted(options))}"
    for key, option in options.items():
        if option.get("required") and key not in given:
            yield node, f"{name} lacks {key}; {_wanted(option)}"


def _shape(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping" if isinstance(node, yaml.MappingNode) else "a value"


def _wanted(spec: Spec) -> str:
    """The first sentence of an option's description."""
    description = spec.get("description", "")
    first = description if isinstance(description, str) else description[0] if description else ""
    return f"it is wanted for: {first.rstrip('.')}" if first else "give it a value"
