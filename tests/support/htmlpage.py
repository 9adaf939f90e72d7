"""Parser of HTML pages for tests."""

import html.parser

VOID = {"meta", "img", "input", "br", "link"}  # elements without an end tag


class Page(html.parser.HTMLParser):
    """Elements and texts of a page.

    Attributes:
      elements: `(tag, attributes)` of each element, in order.
      texts: stripped texts that are not empty, in order.

    Raises:
      AssertionError: an element is not closed.
    """

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = []
        self._open = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())

    def all(self, tag):
        """Returns the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self):
        """Returns the rows of the table of runs, each a list of the values it is sorted by."""
        values = [attrs["data-value"] for _, attrs in self.elements if "data-value" in attrs]
        width = sum("aria-sort" in attrs for attrs in self.all("th"))
        return [values[i : i + width] for i in range(0, len(values), width)]
