"""A page of text and facts as HTML: what the example needs of a dependency."""

from collections.abc import Mapping
from html import escape


def page(title: str, facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n" for name, value in facts.items())
    return f"<!doctype html>\n<title>{escape(title)}</title>\n<h1>{escape(title)}</h1>\n<table>\n{rows}</table>\n"
