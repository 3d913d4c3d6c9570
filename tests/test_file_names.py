"""Names of files: any Unicode, and nothing that misleads."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workroom.file_names import clean_file_name, content_disposition


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("Übersicht 2026.pdf", "Übersicht 2026.pdf"),
        ("收据.jpg", "收据.jpg"),
        ("😀.png", "😀.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\paper.doc", "paper.doc"),
        ("a\nb\tc\0d.txt", "a_b_c_d.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("paper.pdf.exe", "paper.pdf.exe"),
        ('a:b*c?d"e<f>g|h', "a_b_c_d_e_f_g_h"),
        ("  .hidden. ", "hidden"),
        ("con.txt", "_con.txt"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        ("line\u2028break", "line_break"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_a_name_keeps_what_is_harmless(given_name: str, cleaned: str) -> None:
    assert clean_file_name(given_name) == cleaned


def test_a_long_name_keeps_its_ending() -> None:
    cleaned = clean_file_name("ü" * 400 + ".pdf")
    assert cleaned.endswith(".pdf")
    assert len(cleaned.encode()) <= 255


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=400))
def test_every_name_becomes_one_that_every_disk_and_page_takes(name: str) -> None:
    cleaned = clean_file_name(name)
    assert 1 <= len(cleaned) <= 255
    assert len(cleaned.encode()) <= 255
    assert not re.search(r'[/\\\x00-\x1f:*?"<>|]', cleaned)
    assert clean_file_name(cleaned) == cleaned


@given(st.text(max_size=300))
def test_every_name_goes_out_in_a_header_and_comes_back_the_same(name: str) -> None:
    cleaned = clean_file_name(name)
    header = content_disposition(cleaned, inline=False)
    header.encode("ascii")
    found = re.fullmatch(r"attachment; filename=\"[ !#-\[\]-~]*\"; filename\*=UTF-8''([\w.%~-]*)", header)
    assert found is not None, header
    assert unquote(found[1]) == cleaned
