"""Log lines without secrets."""

import logging
import re

HIDDEN = "[hidden]"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host
    (re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE), rf"\g<keep>{HIDDEN}"),
    (re.compile(r"(?P<keep>\b(?:bearer|basic|api-key|token|session)\s+)[A-Za-z0-9._~+/=:-]{8,}", re.IGNORECASE),
     rf"\g<keep>{HIDDEN}"),
    # password=..., "client_secret": "...", api_key: ...
    (re.compile(
        r"(?P<keep>\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)\b"
        r"""["']?\s*[=:]\s*)(?!["']?(?:None|null|True|False)\b)(?:"[^"]*"|'[^']*'|[^\s,;&)}\]]+)""",
        re.IGNORECASE),
     rf"\g<keep>{HIDDEN}"),
)  # fmt: skip


def redact(text: str) -> str:
    """The text without what looks like a credential. A net below code that logs none in the first place."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that tracebacks and arguments are covered as well."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
