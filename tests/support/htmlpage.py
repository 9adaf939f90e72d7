"""A page of HTML as a test reads it."""

import html.parser

VOID = {"meta", "img", "input", "br", "link"}


class Page(html.parser.HTMLParser):
    """What a page consists of: its elements with their attributes, its text, whether every one was closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.opened = [], [], []
        self.feed(text)
        assert self.opened == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.texts += [data.strip()] if data.strip() else []

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self):
        """The rows, each a list of what its cells sort by."""
        cells = [each["data-value"] for _, each in self.elements if "data-value" in each]
        width = len(self.all("button")) and sum("aria-sort" in each for each in self.all("th"))
        return [cells[i : i + width] for i in range(0, len(cells), width)]
