"""Pages for people: the HTML report, the live page, animations."""
