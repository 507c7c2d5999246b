#!/usr/bin/env python3
"""readme_test.py README RIVEN [--write]: the README's table of what is supported says what `riven list` says, no more and no less.

--write puts the table into the README instead.
"""
import json
import re
import subprocess
import sys

BEGIN, END = "<!-- riven list -->\n", "<!-- /riven list -->\n"
KINDS = ["databases", "workloads", "faults", "checkers"]


def table(listing):
    rows = ["| kind | name | what it is |", "| --- | --- | --- |"]
    for kind in KINDS:
        for item in listing[kind]:
            what = item["description"].replace("|", "\\|")
            rows.append(f"| {kind[:-1]} | `{item['name']}` | {what} |")
    formats = ", ".join(f"`{item['name']}`" for item in listing["formats"])
    rows.append(f"| formats | {formats} | histories that `riven check` and `riven export` read |")
    return "\n".join(rows) + "\n"


def main(readme, riven, write=False):
    listing = json.loads(subprocess.run([riven, "list", "--json"], capture_output=True, check=True, timeout=30).stdout)
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    if write:
        with open(readme, "w", encoding="utf-8") as file:
            file.write(text[:begin] + table(listing) + text[end:])
        return 0
    said = set(re.findall(r"^\|.*\|$", text[begin:end], re.M))
    true = set(table(listing).splitlines())
    for row in sorted(true - said):
        print(f"missing in the README: {row}")
    for row in sorted(said - true):
        print(f"not true: {row}")
    return 1 if said != true else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], "--write" in sys.argv))
