"""Text that every reader can hold: what others wrote, such as the last words of somebody's core, without what would break or disguise a file.

Every format passes its document through here as a whole, so that no renderer has to remember to.
"""

import json
import re

# What XML 1.0 cannot hold, what UTF-8 cannot hold, and what lets a page or a terminal show other than what is there: controls, and the marks
# that turn the direction of writing.
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def legal(text: str) -> str:
    """`text` with U+FFFD for each character that no file should hold; line feeds and tabs stay."""
    return _ILLEGAL.sub("\ufffd", text)


def dump(value: object) -> str:
    """A JSON document of `value`, every string in it legal."""
    return json.dumps(_legal(value), indent=2, ensure_ascii=False) + "\n"


def _legal(value: object) -> object:
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, dict):
        return {_legal(key): _legal(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_legal(member) for member in value]
    return value
