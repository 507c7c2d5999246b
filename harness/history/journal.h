// The journal: an append-only record of a run that survives the death of its writer at any byte.
//
// File    := "RIVENJNL" version:u32 0:u32 block*                                   (all numbers little
// endian) Block   := "\xd7RvnBlk1" kind:u32 entries:u32 stored_bytes:u32 raw_bytes:u32 first_entry:u64
// payload_hash:u64
//            header_hash:u64 payload
// kind 1 metadata (JSON text), 2 entries, 3 end (written by close() alone). `first_entry` is the number of
// entries in all blocks before it, so that a reader knows what a lost block held. Hashes are XXH3 64 of the
// payload as stored, and of the block's header before the hash. The payload is a zstd frame, or the raw bytes
// where that is shorter. Entries are columns (see journal_block.h), with the texts that they use, so each
// block stands alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "harness/core/json.h"
#include "harness/core/op.h"
#include "harness/core/result.h"

namespace riven {

struct JournalHeader {
  Json metadata = Json::object();  ///< anything about the run; comes back as ReadHistory::metadata
};

struct JournalOptions {
  int64_t sync_interval_ms = 50;     ///< entries wait no longer than this for write and fdatasync
  uint32_t block_entries = 1 << 15;  ///< entries after which a block is closed early
  uint32_t block_bytes = 1 << 20;    ///< encoded values after which a block is closed early
};

/// Writes a journal. append() only encodes into memory; a thread of its own compresses, writes and
/// fdatasyncs, at least every sync_interval_ms (plus the time the disk takes). All methods may be called from
/// any thread; entries are in the order of the append calls. When the disk is so slow that 32 full blocks
/// wait, append() waits.
///
/// An error of the disk (full, gone) comes back from the next append(), flush() or close() and from every
/// later one; what was written before stays readable, what came after is not kept.
class JournalWriter {
 public:
  /// Creates `path` (an existing file is refused) and writes the header and the metadata.
  static Result<std::unique_ptr<JournalWriter>> open(const std::string& path, const JournalHeader& header,
                                                     const JournalOptions& options = {});
  /// Closes, dropping any error.
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  /// Records `op` as the next entry. Its index is kept when it is >= 0; else it is the entry's position.
  /// About 100 ns.
  Status append(const Op& op);
  /// Returns when everything appended before is on the disk.
  Status flush();
  /// Flushes and marks the end: a journal without the mark is one whose writer died. Idempotent.
  Status close();

 private:
  struct State;
  explicit JournalWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace riven
