"""The rules of the house that a program can check: docs/design.md, sections 2, 8 and 9, as data."""

# Which folders a layer's files may include from. The longest matching folder decides; a rule ending in .h names one file.
LAYERS = {
    "harness/core": [],
    "harness/history": ["harness/core"],
    "harness/generator": ["harness/core"],
    "harness/agent_protocol": ["harness/core"],
    "harness/control": ["harness/core", "harness/agent_protocol"],
    "harness/api": ["harness/core", "harness/history", "harness/generator", "harness/control"],
    "checkers": ["harness/core", "harness/api"],
    "nemesis": ["harness/core", "harness/generator", "harness/agent_protocol", "harness/control", "harness/api"],
    "nemesis/agent": ["harness/core", "harness/agent_protocol", "nemesis/agent/core", "nemesis/agent/network",
                      "nemesis/agent/process", "nemesis/agent/clock", "nemesis/agent/disk"],
    "nemesis/agent/core": ["harness/core", "harness/agent_protocol"],
    "nemesis/agent/network": ["harness/core", "harness/agent_protocol", "nemesis/agent/core"],
    "nemesis/agent/process": ["harness/core", "harness/agent_protocol", "nemesis/agent/core"],
    "nemesis/agent/clock": ["harness/core", "harness/agent_protocol", "nemesis/agent/core", "nemesis/agent/process"],
    "nemesis/agent/disk": ["harness/core", "harness/agent_protocol", "nemesis/agent/core", "nemesis/agent/process"],
    "workloads": ["harness/core", "harness/generator", "harness/api", "checkers"],
    "workloads/databases": ["harness/core", "harness/control", "harness/api"],
    "harness/run": ["harness/core", "harness/history", "harness/generator", "harness/control", "harness/api"],
    "harness/report": ["harness/core", "harness/history", "harness/api"],
    "harness/app": ["harness", "checkers", "nemesis", "workloads"],
    "tests": ["harness", "checkers", "nemesis", "workloads"],
}

# Third-party headers and the files that may include them; everything else may use the standard library and POSIX.
THIRD_PARTY = {
    r"libssh/": r"harness/control/(ssh|sftp)[a-z_]*\.(h|cpp)|tests/control/.*\.cpp",
    r"(netlink|libnl3)/|linux/(netfilter|pkt_|netlink|rtnetlink)|libmnl|libnftnl": r"nemesis/agent/.*",
    r"toml\+\+/": r"harness/control/inventory\.cpp",
    r"boost/": r"checkers/.*\.cpp|tests/checkers/.*",
    r"CLI/": r"harness/app/.*\.cpp",
    r"nlohmann/": r"harness/core/json_text\.cpp|tests/core/json\.cpp",
    r"httplib\.h": r"workloads/databases/.*\.cpp|harness/app/.*\.cpp|tests/.*\.cpp",
    r"zstd\.h": r"harness/history/.*\.cpp",
    r"(fmt|spdlog)/": r".*\.cpp",
    r"hiredis/": r"workloads/databases/.*\.cpp",
    r"libpq-fe\.h": r"workloads/databases/.*\.cpp",
    r"(mysql|mariadb)/": r"workloads/databases/.*\.cpp",
    r"benchmark/": r"tests/bench/.*\.cpp",
    r"catch2/": r"tests/catch(_main)?\.(h|cpp)",
}

# Calls and headers that have no place, and the files that are excused. Comments and strings are not looked at.
BANNED = [
    (r"\bs?rand\s*\(", "rand: use core/rng.h, seeded", r"^$"),
    (r"\brandom_device\b", "random_device: nothing here may depend on what no seed fixes",
     r"harness/(app|control)/.*|workloads/databases/sql/.*|tests/.*"),  # keys and passwords
    (r"\bsystem_clock\b|\bgettimeofday\s*\(|\bCLOCK_REALTIME\b", "the wall clock: use monotonic_now_ns()",
     r"harness/(app|report)/.*|nemesis/.*|tests/.*"),
    (r"\bstd::(cout|cerr|clog)\b|(?<!\w)(std::)?f?printf\s*\(|(?<!\w)(std::)?f?puts\s*\(", "printing in a library",
     r"harness/app/.*|harness/core/check\.cpp|nemesis/agent/.*|tests/.*"),
    (r"(?<![\w.>:])(?<!\w )(_?exit|_Exit|quick_exit|abort)\s*\(|\bstd::(exit|_Exit|quick_exit|terminate|abort)\s*\(", "leaving the process from a library",
     r"harness/app/.*|harness/core/check\.cpp|nemesis/agent/.*|tests/.*"),
    (r"\busing\s+namespace\s+std\b", "using namespace std", r"^$"),
    (r"(?<!\w)(strcpy|strcat|v?sprintf|gets|strtok|alloca)\s*\(", "a call that overruns or keeps hidden state", r"^$"),
    (r"(?<!\w)(std::)?system\s*\(|(?<!\w)popen\s*\(", "a shell: commands are argument vectors", r"tests/.*"),
    (r"#\s*include\s*<regex>", "<regex>: slow to compile and to run", r"^$"),
]
BANNED_IN_HEADERS = [(r"#\s*include\s*<iostream>", "<iostream> in a header")]

# Looked for everywhere, comments included. Written so that this file does not find itself.
NOTES = r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"
MACHINE_PATHS = r"(?<![\w.$}{])/(wo" r"rk|ho" r"me/[a-z])\b[\w/]*"
REGISTRY_HOSTS = (r"\b[\w-]+(\.[\w-]+)*\.(debian|ubuntu|pypi|npmjs|docker|quay|ghcr|gcr|k8s|crates|golang|maven|rubygems"
                  r"|archlinux|fedoraproject|alpinelinux)\.(org|com|net|io|dev)\b|\b(ghcr|quay|gcr)\.io\b")

# docs/writing.md: paraphrases that once stood for the field's own words. Looked for in what people read: docs, messages, headers, comments.
BANNED_PHRASES = [r"\bfor a look\b", r"\blikewise\b", r"\bunless (one )?(said|says otherwise)\b", r"\bby turns\b", r"\btold from\b",
                  r"\btell(s)? of\b", r"\bto (all|it|which) belongs?\b", r"\bdearer\b", r"\b(stands?|stood) still\b", r"\bof one's own\b",
                  r"\bmend(s|ed)\b", r"\b(comes?|put) right\b", r"\bgoes? by itself\b", r"\bseen to bite\b", r"\bbeside the container\b"]
PHRASES_IN = ("README.md", "docs/", "harness/", "checkers/", "nemesis/", "workloads/", "results/README.md")
PHRASES_EXCUSED = ("docs/writing.md",)  # which lists them

NO_NAMES = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff"]
MAX_FILE_LINES = 500
MAX_FILE_LINES_BELOW = {"nemesis/": 400}  # where a room keeps to less
MAX_SOURCES = 25  # .cpp files in one folder
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 110  # .clang-format's ColumnLimit; for scripts 140

# The ratchet: what was longer when the rule came, with the lines it has. It may shrink and must not grow; nothing is added.
LONG_FILES = {}
CROWDED_FOLDERS = {"checkers/isolation": 32, "checkers/linearizable": 44, "tests/checkers/isolation": 32}
LONG_FUNCTIONS = {}
