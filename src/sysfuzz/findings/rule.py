"""A rule as explanations quote it: words of a page, and where on it they stand."""

from typing import NamedTuple


class Rule(NamedTuple):
    """A quotation from a section of a page; its emphasis and marks are left out."""

    section: str
    text: str
    page: str

    def __str__(self) -> str:
        return f"{self.text} ({self.page}, {self.section})"
