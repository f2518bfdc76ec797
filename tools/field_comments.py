"""Extension of griffe: the comment on a field's own line, where shapes and units stand, is its documentation."""

from __future__ import annotations

import io
import tokenize
from typing import Any

from griffe import Attribute, Docstring, Extension


def trailing_comment(lines: list[str]) -> str:
    """The comments behind the code of these lines, without their signs."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline))
    except (tokenize.TokenError, IndentationError):
        return ""
    return " ".join(token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)


class FieldComments(Extension):
    """Called by griffe for everything that a class or a module assigns."""

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        if attr.docstring is not None or attr.lineno is None:
            return
        comment = trailing_comment([line.strip() for line in attr.lines])
        if comment:
            attr.docstring = Docstring(comment, lineno=attr.lineno, parent=attr)
