// What the fuzzers run: each function takes any bytes and aborts when a promise is broken.
#pragma once

#include <string_view>

namespace riven::fuzz {

#define RIVEN_FUZZ_TARGET(name) void fuzz_##name(std::string_view bytes);
#include "tests/fuzz/targets.inc"
#undef RIVEN_FUZZ_TARGET

}  // namespace riven::fuzz
