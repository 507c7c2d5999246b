#include "harness/app/builtin.h"
#include "harness/app/cli.h"

int main(int argc, char** argv) { return riven::run_cli(argc, argv, riven::builtin_registry()); }
