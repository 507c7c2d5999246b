// A two-way stream of bytes to a program that runs on a node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// Why bytes did not pass.
struct StreamError {
  enum class Kind : uint8_t {
    timed_out,  ///< the deadline passed; a read may be tried again, a write left the stream broken
    broken,     ///< the connection was lost, or close() was called
  };
  Kind kind;
  std::string message;  ///< what, where
};

/// The standard input and output of a program on a node. Thread-safe for one reading and one writing thread;
/// close() may be called from any thread and wakes both. Destroying it closes it; no call may be under way.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Waits for at least one byte of the program's standard output and copies what is there, at most `size`.
  /// 0: the program closed its output (it ended, or is about to); all further reads give 0. Demands size > 0.
  virtual Result<size_t, StreamError> read(char* buffer, size_t size, Milliseconds deadline) = 0;

  /// Hands all of `bytes` over for sending; blocks only while more than 1 MiB waits to be sent. Success does
  /// not mean that the program has read them. After an error an unknown part was sent: close the stream.
  virtual Result<Unit, StreamError> write(std::string_view bytes, Milliseconds deadline) = 0;

  /// Ends the program's standard input; what was written before is still delivered.
  virtual void end_input() = 0;

  /// Closes both directions at once; the program sees end of file and a broken pipe. Idempotent.
  virtual void close() = 0;

  /// What the program has written on its standard error so far, its last 64 KiB.
  virtual std::string error_output() const = 0;

  /// How the program ended, in words ("exit status 3", "signal KILL"); empty while it runs or when unknown.
  virtual std::string end() const = 0;
};

}  // namespace riven
