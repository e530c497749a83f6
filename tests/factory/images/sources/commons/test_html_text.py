"""Plain text of HTML in metadata."""

import pytest

from factory.images.sources.commons.html_text import plain


@pytest.mark.parametrize(
    ("html", "text", "url"),
    [
        ("plain  text", "plain text", ""),
        ('<a href="//x.org/u">A &amp; B</a>, <i>C</i>', "A & B, C", "https://x.org/u"),
        ('<a href="/wiki/User:A">A</a><br>B', "A B", "https://commons.wikimedia.org/wiki/User:A"),
        ('<span style="display: none">hidden</span>seen', "seen", ""),
        ('<a href="javascript:alert(1)">A</a>', "A", ""),
        ("<table><tr><td>A</td><td>B</td></tr></table>", "A B", ""),
        ("a < b", "a < b", ""),
        ("A<!-- note -->B<script>alert(1)</script> C", "AB C", ""),
        ("<a>A</a> \0", "A", ""),
        ("<br>&#1;A<!-- -->&#2;B<i>&#xfffe;</i>", "AB", ""),
    ],
)
def test_plain_returns_text_and_first_link(html, text, url):
    assert plain(html) == (text, url)
