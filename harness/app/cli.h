// The command line.
#pragma once

#include "harness/api/registry.h"

namespace riven {

/// Parses and carries out one command line; returns the process's exit code (see exit_code.h). A program of
/// your own calls it with builtin_registry() and what it added. Installs handlers for SIGINT and SIGTERM
/// while a run lasts.
int run_cli(int argc, const char* const* argv, const Registry& registry);

}  // namespace riven
