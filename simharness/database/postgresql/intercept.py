"""What the wire changes in a client's SQL: the clock's keywords, and settings that would work in real time.

Only code is changed, never a string, a quoted name or a comment. Dollar quotes are code: they hold function bodies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from simharness.database.postgresql.tuning import KEYWORDS, PREFIX, TIMEOUTS

# client_min_messages carries the server's own notice of a lock wait: a client that lowers it would blind us.
_SETTINGS = (*TIMEOUTS, "client_min_messages")
_SETTING = "|".join(_SETTINGS)
_KEYWORD = "|".join(sorted(KEYWORDS, key=len, reverse=True))
_TOKEN = re.compile(
    rf"""
      (?P<kept>  '(?:[^'\\]|\\.|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | [.]\s*(?:{_KEYWORD})\b )
    | \b(?P<keyword>{_KEYWORD})\b (?:\s*\(\s*(?P<digits>\d)\s*\))? (?!\s*[.(])
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(rf"^(\s*(?:SET(?:\s+(?:SESSION|LOCAL))?|RESET|SHOW)\s+)({_SETTING})\b", re.IGNORECASE)
_FUNCTION = re.compile(rf"(\b(?:set_config|current_setting)\s*\(\s*')({_SETTING})'", re.IGNORECASE)
_OPTION = re.compile(rf"((?:-c\s*|--)\s*)({'|'.join(name.replace('_', '[_-]') for name in _SETTINGS)})\s*=")


@lru_cache(maxsize=4096)
def rewritten(sql: str) -> str:
    """Return the text that the server gets for a text of the client."""
    sql = _SET.sub(rf"\1{PREFIX}.\2", sql)
    sql = _FUNCTION.sub(rf"\1{PREFIX}.\2'", sql)
    return _TOKEN.sub(_keyword, sql)


def _keyword(match: re.Match[str]) -> str:
    word = match["keyword"]
    if word is None:
        return match[0]
    call = f'pg_catalog."{word.lower()}"()'
    return f"{call}::{KEYWORDS[word.lower()]}({match['digits']})" if match["digits"] else call


def sets_timeout(sql: str) -> bool:
    """Return whether a text of the client may change one of the timeouts."""
    lowered = sql.lower()
    return any(timeout in lowered for timeout in TIMEOUTS)


def rewritten_startup(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return a client's startup parameters with the same settings replaced."""
    changed = {}
    for key, value in parameters.items():
        if key in {"user", "database", "replication"}:
            continue
        if key == "options":
            changed[key] = _OPTION.sub(lambda match: f"{match[1]}{PREFIX}.{match[2].replace('-', '_')}=", value)
        else:
            changed[f"{PREFIX}.{key}" if key in _SETTINGS else key] = value
    return changed
