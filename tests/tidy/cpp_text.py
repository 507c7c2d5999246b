"""C++ as text: what a scanner without a compiler needs to see of it."""
import re

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)


def without_comments_and_strings(text):
    """The same text, lines kept, with comments blanked and strings emptied. Include lines keep their names."""

    def blank(match):
        token = match.group(0)
        lines = "\n" * token.count("\n")
        if token.startswith(("//", "/*")):
            return lines or " "
        start = text.rfind("\n", 0, match.start()) + 1
        if re.match(r"\s*#\s*include", text[start:match.start()]):
            return token
        return '""' + lines

    return _TOKEN.sub(blank, text)


def includes(text):
    """(line, name, quoted) of every #include."""
    pattern = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
    for number, line in enumerate(text.splitlines(), 1):
        match = pattern.match(line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def functions(text):
    """(first line, last line, signature) of each outermost function body, its own lambdas included."""
    code = _without_directives(without_comments_and_strings(text))
    stack = []  # (kind, line of the brace, head)
    head = []
    line = 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            spoken = "".join(head).strip()
            stack.append((_kind(spoken, stack), line, spoken))
            head = []
        elif char == "}":
            if not stack:
                continue
            kind, first, spoken = stack.pop()
            if kind == "function":
                yield first, line, " ".join(spoken.split())
            head = [spoken + " {}"] if kind == "initialiser" else []
        elif char == ";" and not _in_parentheses(head):
            head = []
        else:
            head.append(char)


def _without_directives(code):
    lines = code.split("\n")
    continued = False
    for i, text in enumerate(lines):
        directive = continued or text.lstrip().startswith("#")
        continued = directive and text.rstrip().endswith("\\")
        if directive:
            lines[i] = ""
    return "\n".join(lines)


def _in_parentheses(head):
    return head.count("(") > head.count(")")


def _kind(head, stack):
    if any(kind == "function" for kind, _, _ in stack):
        return "block"
    if re.search(r"\bnamespace\b|^extern\b", head):
        return "scope"
    if re.search(r"(^|\s)(class|struct|union|enum)\b", head) and not re.search(r"\)\s*(const|noexcept|override|->.*)*$", head):
        return "scope"
    if "(" not in head or head.endswith(("=", ",", "(", "return")):
        return "initialiser"
    # A constructor's member initialisers, `: a_{1}, b_{2} {`: a brace right after a name belongs to the member.
    if re.search(r"\)\s*(noexcept\s*)?:(?!:)", head) and re.search(r"[\w>]$", head):
        return "initialiser"
    return "function"
