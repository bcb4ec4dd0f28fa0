"""Foreign text for Slack: shown as it is, never as markup, and never a mention.

Blocks use `plain_text` and `rich_text`, where Slack interprets nothing; `literal` still breaks what looks like a mention or
a channel command, since clients and bridges differ. The fallback `text` of a message is mrkdwn and goes through `mrkdwn`.
"""

from __future__ import annotations

import re

from loadtest.reporting.escape import plain

_JOINER = "\u2060"  # invisible, no line break: cuts a token in two
_COMMAND = re.compile(r"<(?=[!@#])")
_BROADCAST = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)


def literal(text: object, limit: int = 500) -> str:
    """For `plain_text` and `rich_text`: one line of at most about `limit` characters; a space if nothing is left."""
    return _BROADCAST.sub(f"@{_JOINER}", _COMMAND.sub(f"<{_JOINER}", plain(text, limit))) or " "


def mrkdwn(text: object, limit: int = 500) -> str:
    """For the fallback text: the three characters that Slack interprets become entities, broadcasts are broken."""
    escaped = plain(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BROADCAST.sub(f"@{_JOINER}", escaped)
