"""A strict reader of HTML for the tests of the page: a tree, or a failure where a browser would guess."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "wbr", "input", "hr"}


@dataclass
class Node:
    """One element with what it holds, in order."""

    tag: str
    attributes: dict[str, str]
    content: list["Node | str"] = field(default_factory=list)

    @property
    def children(self) -> list["Node"]:
        """The elements right in it."""
        return [part for part in self.content if isinstance(part, Node)]

    @property
    def text(self) -> str:
        """Its own text, not that of its children."""
        return "".join(part for part in self.content if isinstance(part, str))

    def all(self, *tags: str) -> list["Node"]:
        """This element and those in it, in order; only `tags`, if there are any."""
        found = [self] if not tags or self.tag in tags else []
        return found + [node for child in self.children for node in child.all(*tags)]

    def words(self) -> str:
        """All text in it."""
        return "".join(part if isinstance(part, str) else part.words() for part in self.content)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("document", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].content.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> in <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)

    def finish(self) -> Node:
        assert self._open == [self.root], f"<{self._open[-1].tag}> is not closed"
        return self.root


def read(text: str) -> Node:
    """The document; every element is closed, in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.finish()
