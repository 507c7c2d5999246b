// Quoting is proved against the shells that read it, byte by byte.
#include "harness/control/shell_command.h"

#include <unistd.h>

#include <filesystem>

#include "harness/control/local_command.h"
#include "harness/core/rng.h"
#include "tests/catch.h"

using namespace riven;

namespace {

std::vector<std::string> shells() {
  std::vector<std::string> found;
  for (const char* shell : {"/bin/sh", "/bin/dash", "/bin/bash", "/bin/busybox"}) {
    if (access(shell, X_OK) == 0) found.emplace_back(shell);
  }
  return found;
}

CommandOutput run_line(const std::string& shell, const std::string& line, const std::string& input = "") {
  std::vector<std::string> argv{shell};
  if (shell == "/bin/busybox") argv.emplace_back("sh");
  argv.insert(argv.end(), {"-c", line});
  auto result = run_local(argv, input, Milliseconds(20'000));
  REQUIRE(result);
  return *result;
}

std::string line_of(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  auto line = shell_line(command);
  REQUIRE(line);
  return *line;
}

}  // namespace

TEST_CASE("every byte but NUL reaches the program as itself, in every shell") {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& shell : shells()) {
    INFO(shell);
    CHECK(run_line(shell, line_of({"printf", "%s", all})).out == all);
    for (const char* trap :
         {"",  " ", "'",    "''", "a'b", "-n",    "$HOME", "`id`", "$(id)",   "!!", "#",  "~", "|",   ";",
          "&", "*", "a\nb", "\\", "\\n", "{a,b}", "a=b",   "\t",   "'\"'\"'", "<x", ">y", "é", "\xff"}) {
      CHECK(run_line(shell, line_of({"printf", "[%s]", trap, "x"})).out == "[" + std::string(trap) + "][x]");
    }
  }
}

TEST_CASE("random argument vectors survive") {
  Rng rng(20);
  // Mostly the bytes that shells look at.
  const std::string alphabet = "'\"\\$`!*?[]{}()<>|&;#~ \t\n=%^-abc\xc3\xa9\xff";
  for (const std::string& shell : shells()) {
    std::vector<std::string> argv{"printf", "%s\\001"};
    std::string expected;
    for (int i = 0; i < 300; ++i) {
      std::string word;
      for (uint64_t n = rng.below(12); n > 0; --n) word += alphabet[rng.below(alphabet.size())];
      expected += word + '\001';
      argv.push_back(std::move(word));
    }
    INFO(shell);
    CHECK(run_line(shell, line_of(argv)).out == expected);
  }
}

TEST_CASE("environment, directory and the program itself") {
  Command command;
  command.argv = {"sh", "-c", "printf '%s|%s|%s' \"$QUOTE\" \"$(pwd)\" \"$EMPTY\""};
  command.environment = {{"QUOTE", "it's $HOME"}, {"EMPTY", ""}};
  const auto scratch = std::filesystem::temp_directory_path() / ("riven it's -" + std::to_string(getpid()));
  std::filesystem::create_directory(scratch);
  command.directory = scratch.string();
  CHECK(run_line("/bin/sh", *shell_line(command)).out == "it's $HOME|" + scratch.string() + "|");
  std::filesystem::remove(scratch);

  // The directory is gone now: nothing runs.
  const auto failed = run_line("/bin/sh", *shell_line(command));
  CHECK_FALSE(failed.succeeded());
  CHECK(failed.out.empty());

  // A program and not the builtin of the same name; stdin goes to it.
  CHECK(run_line("/bin/sh", line_of({"cat"}), "through").out == "through");
  CHECK(run_line("/bin/sh", line_of({"no-such-program-here"})).exit_status == 127);
  CHECK(run_line("/bin/sh", line_of({"-odd"})).exit_status == 127);
}

TEST_CASE("the program replaces the shell, so signals reach it") {
  const auto killed = run_line("/bin/sh", line_of({"sh", "-c", "kill -TERM $$"}));
  CHECK(killed.signal == "TERM");
}

TEST_CASE("a kill ends the groups named and nothing else") {
  // Two groups of their own, and one beside them that must live.
  const char* script =
      "set -m; sleep 60 & a=$!; sleep 60 & b=$!; sleep 60 & c=$!; echo $a $b $c; read line; eval \"$line\"; "
      "wait $a; echo $?; wait $b; echo $?; kill -0 $c && kill $c && echo spared";
  // The numbers are known only to the script, so it puts them into the line that we made for two others.
  std::string line = kill_line({1111, 2222});
  CHECK(line == "/bin/sh -c 'kill -9 -1111 -2222'");
  line.replace(line.find("1111"), 4, "'$a'");
  line.replace(line.find("2222"), 4, "'$b'");
  auto result = run_local({"bash", "-c", script}, line + "\n", Milliseconds(20'000));
  REQUIRE(result);
  CHECK(result->out.substr(result->out.find('\n') + 1) == "137\n137\nspared\n");
}

TEST_CASE("what cannot be expressed is an error") {
  const auto error_of = [](const Command& command) {
    auto line = shell_line(command);
    REQUIRE_FALSE(line);
    return line.error().message;
  };
  Command command;
  CHECK(error_of(command).find("without a program") != std::string::npos);
  command.argv = {"a", std::string("b\0c", 3)};
  CHECK(error_of(command).find("NUL") != std::string::npos);
  command.argv = {"a"};
  command.environment = {{"A B", ""}};
  CHECK(error_of(command).find("'A B'") != std::string::npos);
  command.environment = {{"A", std::string(1, '\0')}};
  CHECK(error_of(command).find("NUL") != std::string::npos);
  command.environment.clear();
  command.argv = {"a", std::string(200'000, 'x')};
  CHECK(error_of(command).find("stdin or upload") != std::string::npos);
}

TEST_CASE("a line for sudo says when it begins and never holds a password") {
  const SudoLine open = sudo_line("exec id -u", Sudo::nopasswd, "abc");
  CHECK(open.prompt.empty());
  CHECK(open.line.rfind("exec sudo -n -- /bin/sh -c '", 0) == 0);
  const SudoLine asked = sudo_line("exec printf 'it'\\''s'", Sudo::password, "abc");
  CHECK(asked.line.find("sudo -S -k -p riven-asks-abc -- ") != std::string::npos);
  // Without sudo in front it is still a line that a shell reads as meant.
  const auto inner = run_line("/bin/sh", asked.line.substr(asked.line.find("/bin/sh")));
  CHECK(inner.out == "it's");
  CHECK(inner.err.rfind(kPidWord, 0) == 0);
  CHECK(inner.err.substr(inner.err.find('\n') + 1) == asked.begun);
}
