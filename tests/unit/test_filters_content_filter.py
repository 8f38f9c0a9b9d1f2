"""A content filter's numbers follow its memory, and what it is told arrives in Perl as it was meant."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filter_plugins import content_filter
from filter_plugins.content_filter import content_filter_limits, perl_list, perl_string, rotated
from tests.architecture import tree

MEGABYTE = 1024 * 1024


def test_without_a_word_it_is_the_default_of_the_role() -> None:
    assert tree.defaults("content_filter")["content_filter_memory"] == content_filter.DEFAULT
    assert content_filter_limits(None) == content_filter_limits(content_filter.DEFAULT)


@given(st.integers(content_filter.SMALLEST, 200_000))
def test_what_works_together_fits_into_the_memory(memory: int) -> None:
    limits = content_filter_limits(memory)
    assert content_filter.FEWEST_CHILDREN <= limits["children"] <= content_filter.MOST_CHILDREN
    assert content_filter.PARENT + limits["children"] * (content_filter.CHILD + content_filter.OPENER) <= memory
    assert memory == limits["memory_high"] < limits["memory_max"]
    assert limits["smallest_expansion_bytes"] < limits["expansion_bytes"] <= 512 * MEGABYTE
    # Each child may start a program that opens an archive, and that one threads.
    assert limits["tasks"] > 4 * limits["children"]


def test_more_memory_is_never_less_of_anything() -> None:
    sizes = [content_filter_limits(memory) for memory in range(content_filter.SMALLEST, 8192, 64)]
    for smaller, larger in itertools.pairwise(sizes):
        assert all(larger[name] >= smaller[name] for name in smaller)


def test_too_little_is_refused_with_what_is_needed() -> None:
    with pytest.raises(ValueError, match=f"content_filter_memory: 100 MB are too few, amavisd needs {content_filter.SMALLEST}"):
        content_filter_limits(100)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "'plain'"),
        ("it's", r"'it\'s'"),
        ("back\\slash", r"'back\\slash'"),
        ("$ENV{PATH} @list", "'$ENV{PATH} @list'"),
        (10024, "'10024'"),
    ],
)
def test_strings_for_perl(value: object, written: str) -> None:
    assert perl_string(value) == written


@pytest.mark.skipif(not shutil.which("perl"), reason="needs perl")
@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0\r\n"), max_size=20), max_size=4))
def test_perl_reads_what_was_meant(values: list[str]) -> None:
    program = f'print join("\\n", ({perl_list(values)})), "\\n"'
    ran = subprocess.run(["perl", "-we", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n".join(values) + "\n"


def test_no_string_for_perl_ends_early() -> None:
    with pytest.raises(ValueError, match="NUL"):
        perl_string("a\0b")


def test_rotated() -> None:
    assert [rotated(["f1", "f2", "f3"], turns) for turns in range(4)] == [
        ["f1", "f2", "f3"],
        ["f2", "f3", "f1"],
        ["f3", "f1", "f2"],
        ["f1", "f2", "f3"],
    ]
    assert rotated([], 2) == []
