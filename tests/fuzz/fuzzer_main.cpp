// One fuzzer: RIVEN_FUZZER is the function of targets.h that it runs.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  riven::fuzz::RIVEN_FUZZER({reinterpret_cast<const char*>(data), size});
  return 0;
}
