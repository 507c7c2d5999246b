#!/usr/bin/env python3
"""The tidy test tidied: each rule must refuse a planted breach and accept the innocent line beside it."""
import os
import tempfile
import unittest

import cpp_text
import tidy


class Tree:
    """A throw-away tree of a few files."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        for path, text in files.items():
            full = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)

    def breaches(self):
        with self.folder:
            return [f"{path}: {what}" for path, _, what in tidy.breaches(self.folder.name)]


def found(path, text):
    return Tree({path: text}).breaches()


class Layers(unittest.TestCase):
    def test_a_source_includes_its_own_header_first(self):
        own = {"harness/core/a.h": "// A thing.\n#pragma once\n"}
        self.assertEqual(Tree(own | {"harness/core/a.cpp": '#include "harness/core/a.h"\n\n#include <vector>\n'}).breaches(), [])
        late = own | {"harness/core/a.cpp": '#include <vector>\n\n#include "harness/core/a.h"\n'}
        self.assertEqual(len(Tree(late).breaches()), 1)

    def test_an_upward_include_is_a_breach(self):
        self.assertEqual(len(found("harness/core/a.cpp", '#include "harness/api/checker.h"\n')), 1)
        self.assertEqual(len(found("checkers/a.cpp", '#include "harness/control/node.h"\n')), 1)
        self.assertEqual(len(found("workloads/a.cpp", '#include "workloads/databases/etcd/client.h"\n')), 1)
        self.assertEqual(len(found("nemesis/agent/a.cpp", '#include "harness/control/node.h"\n')), 1)
        self.assertEqual(len(found("nemesis/agent/core/a.cpp", '#include "nemesis/agent/clock/clock_fault.h"\n')), 1)
        self.assertEqual(len(found("nemesis/agent/network/a.cpp", '#include "nemesis/agent/process/freezer.h"\n')), 1)

    def test_a_downward_include_is_not(self):
        self.assertEqual(found("harness/api/a.cpp", '#include "harness/core/op.h"\n#include <vector>\n'), [])
        self.assertEqual(found("nemesis/agent/a.cpp", '#include "harness/agent_protocol/agent_message.h"\n'), [])
        self.assertEqual(found("nemesis/agent/clock/a.cpp", '#include "nemesis/agent/process/freezer.h"\n'), [])
        self.assertEqual(found("harness/app/a.cpp", '#include "workloads/databases/etcd/client.h"\n'), [])

    def test_third_party_headers_have_their_place(self):
        self.assertEqual(len(found("checkers/a.cpp", "#include <libssh/libssh.h>\n")), 1)
        self.assertEqual(len(found("checkers/a.h", "// A.\n#pragma once\n#include <boost/graph/graph_traits.hpp>\n")), 1)
        self.assertEqual(found("checkers/a.cpp", "#include <boost/graph/graph_traits.hpp>\n"), [])


class Lines(unittest.TestCase):
    def test_a_paraphrase_of_the_fields_own_word_is_a_breach(self):
        self.assertEqual(len(found("docs/a.md", "The node stands still" + " until then.\n")), 1)
        self.assertEqual(len(found("harness/core/a.cpp", "// Likewise" + ".\n")), 1)
        self.assertEqual(found("docs/a.md", "The node is paused until then.\n"), [])
        self.assertEqual(found("tests/a.cpp", "// Likewise" + ".\n"), [])

    def test_banned_calls_are_seen_in_code_only(self):
        for call in ("int x = rand();", "auto t = std::chrono::system_clock::now();", 'std::cout << "x";', "std::exit(1);"):
            self.assertEqual(len(found("checkers/a.cpp", call + "\n")), 1, call)
            self.assertEqual(found("checkers/a.cpp", f'// {call}\nauto s = R"({call})";\nauto t = "rand()";\n'), [], call)
        self.assertEqual(found("checkers/a.cpp", "void on_exit(int); x.exit(1); operand(2);\n"), [])

    def test_notes_paths_and_hosts_are_seen_in_comments_too(self):
        self.assertEqual(len(found("checkers/a.cpp", "// TO" "DO later\n")), 1)
        self.assertEqual(len(found("docker/a", "cd /wo" "rk/tree\n")), 1)
        self.assertEqual(len(found("docker/a", "curl http://deb.deb" "ian.org/x\n")), 1)
        self.assertEqual(found("docker/packages.txt", "docker.io\n"), [])

    def test_headers_are_guarded_and_say_what_they_are_for(self):
        self.assertEqual(len(found("checkers/a.h", "int x;\n")), 2)
        self.assertEqual(found("checkers/a.h", "// A.\n#pragma once\n"), [])


class Sizes(unittest.TestCase):
    def test_long_files_and_functions(self):
        self.assertEqual(len(found("checkers/a.cpp", "int x;\n" * 501)), 1)
        self.assertEqual(found("checkers/a.cpp", "int x;\n" * 500), [])
        self.assertEqual(len(found("checkers/a.cpp", "void f() {\n" + "  g();\n" * 69 + "}\n")), 1)
        self.assertEqual(found("checkers/a.cpp", "void f() {\n" + "  g();\n" * 68 + "}\n"), [])
        self.assertEqual(len(found("nemesis/agent/disk/a.cpp", "int x;\n" * 401)), 1)
        self.assertEqual(found("nemesis/agent/disk/a.cpp", "int x;\n" * 400), [])

    def test_crowded_folders(self):
        folder = {f"workloads/a{i}.cpp": "int x;\n" for i in range(25)}
        self.assertEqual(Tree(folder).breaches(), [])
        self.assertEqual(len(Tree(folder | {"workloads/b.cpp": "int x;\n"}).breaches()), 1)

    def test_functions_are_found_in_any_dress(self):
        code = """
namespace a { class B final : public C {
  B(int x) : C(x), m_{x}, n_(std::vector<int>{1, 2}) { f([] { return 1; }); }
  int g() const noexcept override { if (x) { y(); } for (int i = 0; i < 3; ++i) {} }
  int table_[2] = {f(1), 2};
  template <typename T> auto operator()(T t) -> int { return '{' + t; }
}; }
#define MACRO(x) { x(
struct D { int x{3}; };
TEST_CASE("name {") { SECTION("s") {} }
"""
        names = [signature.split("(")[0].split()[-1] for _, _, signature in cpp_text.functions(code)]
        self.assertEqual(names, ["B", "g", "operator", "TEST_CASE"])


class Tree_(unittest.TestCase):
    def test_names(self):
        self.assertEqual(len(found("checkers/graph_util.cpp", "int x;\n")), 1)
        self.assertEqual(len(found("checkers/Graph.cpp", "int x;\n")), 1)

    def test_a_checker_without_histories(self):
        files = {"checkers/builtin.inc": "RIVEN_BUILTIN(queue)\n", "tests/histories/good/queue/a.edn": ""}
        self.assertEqual(len(Tree(files).breaches()), 1)
        self.assertEqual(Tree({**files, "tests/histories/bad/queue/lost.edn": ""}).breaches(), [])

    def test_a_source_in_no_program(self):
        tree = Tree({"tests/a.cpp": "int x;\n", "build/compile_commands.json": "[]"})
        with tree.folder:
            build = os.path.join(tree.folder.name, "build")
            self.assertEqual(len(list(tidy.breaches(tree.folder.name, build))), 1)


if __name__ == "__main__":
    unittest.main()
