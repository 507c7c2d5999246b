// A byte stream to a program on this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/control/byte_stream.h"

namespace riven {

/// Starts `argv` (argv[0] is looked up in PATH) with a socket pair as its standard input and output, in a
/// process group of its own. Closing the stream ends its input and, when it has not ended two seconds later,
/// nothing more: what it does then is its own matter. Destroying it waits for those two seconds at most.
Result<std::unique_ptr<ByteStream>> start_local(const std::vector<std::string>& argv);

}  // namespace riven
