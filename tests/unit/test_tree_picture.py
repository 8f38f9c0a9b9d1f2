"""What tree refuses before it touches anything, and how it says so; what it hides; where in a template it points."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

from module_utils import tree_control
from module_utils.tree.picture import Picture, Problem, covers, parse_mode


@pytest.mark.parametrize("path", ["etc/a", "/etc/../a", "/etc//a", "/etc/a/", "/"])
def test_a_path_is_absolute_and_plain(path: str) -> None:
    with pytest.raises(Problem, match="absolute, plain"):
        Picture({"name": "x", "files": {path: {"content": ""}}})


@pytest.mark.parametrize("mode", [0o640, 640, "rw-r-----", "0o640", "0689", "64", True])
def test_a_mode_is_quoted_octal(mode: object) -> None:
    with pytest.raises(Problem, match="octal digits in quotes"):
        parse_mode("/etc/a", mode)


@pytest.mark.parametrize(("mode", "number"), [("0640", 0o640), ("640", 0o640), ("2755", 0o2755)])
def test_modes(mode: str, number: int) -> None:
    assert parse_mode("/etc/a", mode) == number


def test_nothing_is_shipped_below_a_file() -> None:
    with pytest.raises(Problem, match="cannot be shipped below /etc/a"):
        Picture({"name": "x", "files": {"/etc/a": {"content": ""}, "/etc/a/b": {"content": ""}}})


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b"])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(Problem, match="the name of a tree"):
        Picture({"name": name})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": [{"name": "a", "state": "running"}]}, "started, stopped or any"),
        ({"units": [{"name": "a", "restarts": ["/etc/a"]}]}, "restarts"),
        ({"units": [{"state": "started"}]}, "name"),
        ({"commands": [{"name": "a", "run": "true"}]}, "'on'"),
        ({"commands": [{"name": "a", "run": "true", "on": ["/a"], "if": True}]}, "if"),
        ({"commands": [{"name": "a", "on": ["/a"]}]}, "run"),
        ({"units": [{"name": "a"}, {"name": "a.service"}]}, "twice"),
        ({"commands": [{"name": "a", "run": "x", "on": ["/a"]}, {"name": "a", "run": "y", "on": ["/a"]}]}, "twice"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem, match=message):
        Picture({"name": "x", **options})


def test_words_are_split_as_a_shell_would() -> None:
    assert Picture({"name": "x", "verify": ["postfix check", "sh -c 'exit 1'", ["a b"]]}).verify == [
        ["postfix", "check"],
        ["sh", "-c", "exit 1"],
        ["a b"],
    ]


@pytest.mark.parametrize(
    ("prefix", "path", "covered"),
    [
        ("/etc/a", "/etc/a", True),
        ("/etc/a", "/etc/a/b", True),
        ("/etc/a/", "/etc/a/b", True),
        ("/etc/a", "/etc/ab", False),
        ("/etc/a/b", "/etc/a", False),
    ],
)
def test_prefixes(prefix: str, path: str, covered: bool) -> None:
    assert covers(prefix, path) is covered


TEMPLATE = """\
# one
{% for name in names %}
two {{ name }}
three {{ MISTAKE }}
{% endfor %}
{# a comment
   of two lines #}
four {{ other }}
"""


def _fails(text: str) -> bool:
    try:
        jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text).render(names=[1], other=1)  # noqa: S701, because it is no page
    except jinja2.UndefinedError:
        return True
    return False


def test_an_undefined_variable_is_found_in_its_line_even_inside_a_loop() -> None:
    assert tree_control.locate(TEMPLATE, _fails, "'MISTAKE' is undefined") == (4, "three {{ MISTAKE }}")


def test_a_mistake_after_a_loop_is_found_there() -> None:
    text = TEMPLATE.replace("MISTAKE", "name").replace("other", "MISTAKE")
    assert tree_control.locate(text, _fails, "'MISTAKE' is undefined") == (8, "four {{ MISTAKE }}")


def test_a_message_without_a_name_points_at_the_statement() -> None:
    assert tree_control.locate(TEMPLATE, _fails, "something is wrong") == (2, "{% for name in names %}")


def test_jinja_names_the_line_of_a_mistake_of_syntax() -> None:
    with pytest.raises(jinja2.TemplateSyntaxError) as caught:
        jinja2.Environment(autoescape=False).from_string("one\n{{ a b }}\n")  # noqa: S701, because it is no page
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = caught.value
    assert tree_control.locate("one\n{{ a b }}\n", _fails, "", tree_control.syntax_line(wrapped)) == (2, "{{ a b }}")


def test_a_misspelt_variable_gets_a_suggestion() -> None:
    assert tree_control.suggestion("'mailstore_domian' is undefined", ["mailstore_domain", "other"]) == "; did you mean mailstore_domain?"
    assert tree_control.suggestion("'zzz' is undefined", ["mailstore_domain"]) == ""


def test_words_of_secret_files_that_came_from_variables_are_hidden_and_no_others() -> None:
    templates = {"/etc/key": "user = reader\npassword = {{ password }}\ndomain = {{ domain }}\n"}
    files: dict[str, dict[str, Any]] = {
        "/etc/key": {"content": 'user = reader\npassword = hunter2="x"\ndomain = example.org\n', "secret": True},
        "/etc/plain": {"content": "domain = example.org\n"},
    }
    words = tree_control.secret_words(files, templates)
    result = {"msg": "line 2: password = hunter2=x for reader of example.org", "lines": ["hunter2"], "rc": 1}
    hidden = tree_control.hide(result, words)
    assert hidden == {"msg": "line 2: password = (secret)x for reader of example.org", "lines": ["(secret)"], "rc": 1}
