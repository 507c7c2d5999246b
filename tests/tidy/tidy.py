#!/usr/bin/env python3
"""tidy.py ROOT [BUILD]: checks the tree at ROOT against the rules of the house and prints each breach as `file:line: what`.

With BUILD, a configured build folder, also that every source is compiled there. Exit code 1 when anything was found.
"""
import collections
import json
import os
import re
import subprocess
import sys

import cpp_text
import house_rules as rules

CPP = (".h", ".cpp")
SKIPPED = ("build/", "results/", ".git/", ".cache/")


def tree_files(root):
    """Every file of the project: what git knows or would add, else everything below root."""
    try:
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names]
    return sorted(f for f in set(listed) if f and not f.startswith(SKIPPED) and os.path.isfile(os.path.join(root, f)))


def read(root, path):
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        return None  # not text


def layer_of(path):
    matching = [layer for layer in rules.LAYERS if path.startswith(layer + "/")]
    return max(matching, key=len) if matching else None


def allowed_include(layer, target):
    """Whether a file of `layer` may include `target`, a path from the root."""
    if layer_of(target) == layer:
        return True
    for allowed in rules.LAYERS[layer]:
        if target == allowed:
            return True
        # "harness" and the like open everything below; a layer's name opens that layer and not the one nested in it.
        if target.startswith(allowed + "/") and (allowed not in rules.LAYERS or layer_of(target) == allowed or layer == "tests"
                                                 or layer == "harness/app"):
            return True
    return False


def check_includes(path, text):
    layer = layer_of(path)
    for line, name, quoted in cpp_text.includes(text):
        if layer and quoted and "/" in name and not allowed_include(layer, name):
            yield line, f"{layer} may not include {name}"
        if quoted and "/" not in name and not name.endswith(".inc"):
            yield line, f'include by the path from the root, not "{name}"'
        for pattern, where in rules.THIRD_PARTY.items():
            if re.match(pattern, name) and not re.fullmatch(where, path):
                yield line, f"<{name}> is only for {where}"


def check_cpp(path, text):
    yield from check_includes(path, text)
    code = cpp_text.without_comments_and_strings(text)
    banned = rules.BANNED + ([(p, why, r"^$") for p, why in rules.BANNED_IN_HEADERS] if path.endswith(".h") else [])
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, why, excused in banned:
            if re.search(pattern, line) and not re.fullmatch(excused, path):
                yield number, why
    for first, last, signature in cpp_text.functions(text):
        limit = rules.LONG_FUNCTIONS.get(path, rules.MAX_FUNCTION_LINES)
        if last - first + 1 > limit:
            yield first, f"{last - first + 1} lines in one function (at most {limit}): {signature[-90:]}"
    if path.endswith(".h"):
        if "#pragma once" not in text:
            yield 1, "no #pragma once"
        if not text.startswith("//"):
            yield 1, "a header begins with a comment that says what it is for"


def check_own_header(path, text, files):
    """What makes a header's own source the proof that it includes what it needs."""
    header = path[: -len(".cpp")] + ".h"
    first = re.search(r'^#include ([<"].*[>"])', text, re.M)
    if header in files and (first is None or first.group(1) != f'"{header}"'):
        yield 1, f"includes its own header, {header}, first"


def check_text(path, text):
    lines = text.splitlines()
    below = [most for folder, most in rules.MAX_FILE_LINES_BELOW.items() if path.startswith(folder)]
    limit = rules.LONG_FILES.get(path, min(below, default=rules.MAX_FILE_LINES))
    if not path.startswith(("docs/", "tests/histories/")) and len(lines) > limit:
        yield limit, f"{len(lines)} lines (at most {limit})"
    if path.startswith("tests/histories/"):
        return
    read_by_people = path.startswith(rules.PHRASES_IN) and path not in rules.PHRASES_EXCUSED
    for number, line in enumerate(lines, 1):
        for phrase in rules.BANNED_PHRASES if read_by_people else []:
            if found := re.search(phrase, line, re.IGNORECASE):
                yield number, f'"{found.group()}": docs/writing.md has the plain word'
        if re.search(rules.NOTES, line):
            yield number, "a note to oneself: do it, or open an issue"
        if re.search(rules.MACHINE_PATHS, line):
            yield number, "a path of somebody's machine"
        if re.search(rules.REGISTRY_HOSTS, line) and not line.startswith("docker.io"):
            yield number, "the host name of a package or image registry"


def check_name(path):
    for part in path.split("/"):
        stem = part.split(".")[0]
        if any(word in rules.NO_NAMES for word in re.split(r"[_\-]", stem.lower())):
            yield 1, f"{part}: a name that says nothing"
    if path.endswith(CPP) and not re.fullmatch(r"[a-z][a-z0-9_]*\.(h|cpp)", os.path.basename(path)):
        yield 1, "file names are snake_case"


def check_builtins(root, files):
    """Every checker that is registered must have been seen to say yes and no."""
    text = read(root, "checkers/builtin.inc") if "checkers/builtin.inc" in files else ""
    for name in re.findall(r"^RIVEN_BUILTIN\((\w+)\)", text, re.M):
        for side in ("good", "bad"):
            if not any(f.startswith(f"tests/histories/{side}/{name}/") for f in files):
                yield "checkers/builtin.inc", 1, f"{name} has no history in tests/histories/{side}/{name}/"


def check_folders(files):
    """A folder with more sources than anybody overlooks wants rooms."""
    sources = collections.Counter(os.path.dirname(path) for path in files if path.endswith(".cpp"))
    for folder, count in sorted(sources.items()):
        limit = rules.CROWDED_FOLDERS.get(folder, rules.MAX_SOURCES)
        if count > limit:
            yield folder, 1, f"{count} sources in one folder (at most {limit})"


def check_built(root, build, files):
    """A source that no program contains is a test that never fails."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        built = {os.path.relpath(os.path.realpath(os.path.join(c["directory"], c["file"])), os.path.realpath(root))
                 for c in json.load(file)}
    for path in files:
        elsewhere = path.startswith(("tests/fuzz/", "tests/consumer/"))  # built by programs of their own
        if path.endswith(".cpp") and path not in built and not elsewhere and path != "tests/catch_main.cpp":
            yield path, 1, "is compiled into nothing"


def breaches(root, build=None):
    files = tree_files(root)
    for path in files:
        for line, what in check_name(path):
            yield path, line, what
        text = read(root, path)
        if text is None:
            continue
        for line, what in check_text(path, text):
            yield path, line, what
        if path.endswith(CPP):
            for line, what in check_cpp(path, text):
                yield path, line, what
        if path.endswith(".cpp") and not path.startswith("tests/"):
            for line, what in check_own_header(path, text, files):
                yield path, line, what
    yield from check_builtins(root, files)
    yield from check_folders(files)
    if build:
        yield from check_built(root, build, files)


def main(arguments):
    if not 1 <= len(arguments) <= 2:
        print(__doc__)
        return 64
    found = 0
    for path, line, what in breaches(*arguments):
        print(f"{path}:{line}: {what}")
        found += 1
    print(f"tidy: {found} breaches" if found else "tidy: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
