"""Make a small site: one page for each line `name: text` of a file, and an index."""

import os
import sys
from html import escape

source, target = sys.argv[1:]
os.makedirs(target, exist_ok=True)
names = []
with open(source) as file:
    for line in file:
        name, _, text = line.strip().partition(": ")
        names.append(name)
        with open(os.path.join(target, name + ".html"), "w") as page:
            page.write(f"<title>{escape(name)}</title><p>{escape(text)}</p>\n")
with open(os.path.join(target, "index.html"), "w") as index:
    index.write("".join(f'<a href="{name}.html">{escape(name)}</a>\n' for name in names))
print(f"{len(names)} pages")
