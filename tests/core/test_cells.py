"""Cells that a spreadsheet would run as formulas."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthex.core import safe_cell, text_of_cell

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")', "-")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text):
    assert safe_cell(text)[0] == "'"
    assert text_of_cell(safe_cell(text)) == text


@pytest.mark.parametrize("value", [1, -1.5, None, True, "-1.5", "+3", "1e-5", "-inf", "case-01", "a=b", "", "'quoted'"])
def test_numbers_and_plain_text_stay(value):
    assert safe_cell(value) is value


@given(st.text(alphabet="'=+-@\t\r\n1.ae\"", max_size=6))
def test_every_text_comes_back_from_a_file(text):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([safe_cell(text), "end"])
    (row,) = csv.reader(io.StringIO(buffer.getvalue(), newline=""))
    assert text_of_cell(row[0]) == text
