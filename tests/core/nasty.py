"""Two hundred strings that have broken somebody's import."""

from __future__ import annotations

_MARKS = [
    "\u200b",
    "\u200c",
    "\u200d",
    "\u200e",
    "\u202e",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\u0085",
    "\u00a0",
    "\u00ad",
    "\u3000",
]
_CONTROLS = ["\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\t", "\n", "\r", "\r\n"]
_SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff", "\udc00\ud800"]
_UNICODE = [
    "\u00e9",
    "e\u0301",
    "\u1e9b\u0323",
    "\ufb01",
    "\u0130",
    "\u0131",
    "\u00df",
    "\u1e9e",
    "\u03a3\u03c2",
    "\uff11\uff12\uff13",
    "\u0661\u0662\u0663",
    "\u2460",
    "\u00bd",
    "\u2168",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "👍🏽",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "\U0010ffff",
    "\ufffe",
    "\ue000",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "李小龍",
    "한국",
    "e" + "\u0301" * 100,
]
_NUMBERS = [
    "0", "-0", "+1", "1.", ".5", "1e5", "1E-400", "1e400", "1e999999999", "-1e999999999", "NaN", "Infinity", "-inf", "sNaN",
    "0x10", "1_000", "1,000.00", "1.000,00", "1 000", "\u0661\u0662", "9007199254740993", "1" * 60, "0." + "1" * 60, "½", "--1",
]  # fmt: skip
_DATES = [
    "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-29", "2024-02-29", "2026-13-01", "26-01-01", "2026-W05-6",
    "20260131", "01/02/2026", "2026-01-31T24:00:00Z", "2026-01-31T23:59:60Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "2026-01-31T10:00", "2026-01-31 10:00:00", "2026-01-31T10:00:00.123456789Z", "T10:00",
    "2026-03-29T02:30:00+01:00", "1970-01-01T00:00:00Z", "-0001-01-01", "2026-01-31T10:00:00+99:99",
]  # fmt: skip
_ADDRESSES = [
    "@", "a@", "@b.de", "a@b", "a@@b.de", "a@b..de", "a b@c.de", '"a b"@c.de', "a@b.de\n", "A@B.DE", "a@[127.0.0.1]", "a+b@c.de",
    "ä@ü.de", "a@b.de, c@d.de", "<a@b.de>", "mailto:a@b.de", "http://", "https://", "//x", "http:///x", "http://[::1]:80/x",
    "javascript:alert(1)", "http://a b", "HTTP://X.DE", "x.de:99999", "www.", ".", "..", "/", "?", "#",
]  # fmt: skip
_PHONES = [
    "+", "++49", "+49", "110", "+1-800-FLOWERS", "(030) 12", "0" * 300, "+49 30 123456 x 7", "tel:+4930123456", "+4930123456;ext=7",
    "nicht anrufen", "-", "()", "+99999999999999", "٠٣٠١٢٣٤", "030/123 456 - 0",
]  # fmt: skip
_CODE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE people; --",
    "{{ 7*7 }}",
    "${7*7}",
    "=1+1",
    "@SUM(A1)",
    "%s%n",
    "\\x00",
    "\\",
    '"',
    "'",
    "`",
    "null",
    "None",
    "undefined",
    "true",
    "FALSE",
    "[]",
    "{}",
    '{"a": 1}',
    "a;b;c",
    ";a;b;",
    "a,b",
    "a|b",
    "../../etc/passwd",
    "CON",
    "x" * 65_536,
    "ä" * 5_000,
    "a" * 120,
    "a" * 121,
    "#" + "0" * 32,
]
_NAMES = [
    "Dr.",
    "Jr.",
    "III",
    ",",
    "Lee,",
    ", Ann",
    "Lee, Ann, Jr.",
    "(Bob)",
    '"Bob"',
    "von",
    "van der",
    "Mr. Mr. Mr.",
    "A.",
    "-",
    "O'Neil",
]
_SPACES = ["", " ", "   ", " a", "a ", " a  b ", "a\tb", "a\nb", "\n\n"]

NASTY: list[str] = list(
    dict.fromkeys(
        [
            *_SPACES,
            *(f"a{mark}b" for mark in (*_MARKS, *_CONTROLS, *_SURROGATES)),
            *_MARKS,
            *_CONTROLS,
            *_SURROGATES,
            *_UNICODE,
            *_NUMBERS,
            *_DATES,
            *_ADDRESSES,
            *_PHONES,
            *_CODE,
            *_NAMES,
        ]
    )
)
