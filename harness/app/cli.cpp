#include "harness/app/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "harness/app/command.h"

namespace riven {

int run_cli(int argc, const char* const* argv, const Registry& registry) {
  CLI::App app{"Riven tears real clusters apart and tells what broke."};
  app.require_subcommand(1);
  app.fallthrough(false);
  app.footer(R"(Examples:
  riven run --db etcd --workload register --faults partition --time-limit 60s
  riven check history.edn --workload append
  riven cluster up --db etcd && riven fault partition --majority --for 10s

`riven COMMAND --help` shows a command's options with examples.
Exit codes: 0 valid, 1 invalid, 2 unknown, 3 the cluster or its set-up failed, 64 wrong usage, 70 a defect of Riven.)");

  struct Entry {
    const char* name;
    const char* description;
    CommandAction (*declare)(CLI::App&, const Registry&);
  };
  constexpr Entry kCommands[] = {
      {"run", "test a database: clients, faults, verdict, report", declare_run},
      {"check", "judge a history", declare_check},
      {"cluster", "make, show and remove clusters of containers", declare_cluster},
      {"fault", "break a running cluster, for a while", declare_fault},
      {"heal", "undo every fault on a cluster's nodes", declare_heal},
      {"doctor", "say which faults can work on each node, and why not", declare_doctor},
      {"list", "databases, workloads, faults, checkers and formats", declare_list},
      {"export", "write a history as EDN or JSON lines", declare_export},
      {"version", "of Riven", declare_version},
  };
  std::vector<std::pair<CLI::App*, CommandAction>> actions;
  for (const Entry& entry : kCommands) {
    CLI::App* const command = app.add_subcommand(entry.name, entry.description);
    actions.emplace_back(command, entry.declare(*command, registry));
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);  // --help
    complain(std::string(e.what()) + "; `riven --help` shows how");
    return static_cast<int>(ExitCode::usage);
  }
  try {
    for (const auto& [command, action] : actions) {
      if (command->parsed()) return static_cast<int>(action());
    }
  } catch (const std::exception& e) {
    complain(std::string("a defect of Riven: ") + e.what());
  }
  return static_cast<int>(ExitCode::defect);
}

}  // namespace riven
