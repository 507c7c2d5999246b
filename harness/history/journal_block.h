// What is inside a block of the journal: entries as columns, with the texts that they use.
//
// Raw payload of an entries block (v = varint, z = zigzag varint; column := v byte length, bytes):
//   v texts, then each: v length, bytes            the block's symbols; values and functions count from here
//   v functions, then each: v text
//   column meta      v (function << 2 | type)      for each entry
//   column process   z
//   column time      z difference from the entry before (the first from 0)
//   column index     empty when every entry's index is its position, else z (index - position)
//   column errors    v entries since the one before, value
//   column values    values as in harness/core/encoding.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/op.h"

namespace riven::journal {

inline constexpr std::string_view kFileMagic = "RIVENJNL";
inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kFileHeaderBytes = 16;
inline constexpr std::string_view kBlockMagic = "\xd7RvnBlk1";
inline constexpr size_t kBlockHeaderBytes = 48;
/// A block's raw bytes never exceed this: what a reader may set aside for one block of a damaged file.
inline constexpr uint32_t kMaxRawBytes = 1U << 28;

enum BlockKind : uint32_t { metadata = 1, entries = 2, end = 3 };

/// The head of a block as it is on disk, decoded.
struct BlockHeader {
  uint32_t kind = 0;
  uint32_t entries = 0;
  uint32_t stored_bytes = 0;
  uint32_t raw_bytes = 0;
  uint64_t first_entry = 0;
  uint64_t payload_hash = 0;
};

/// Appends a whole block (header and payload, compressed if that is shorter) to `out`. `raw` has at most
/// kMaxRawBytes.
void put_block(std::vector<uint8_t>& out, BlockKind kind, uint32_t entries, uint64_t first_entry,
               const std::vector<uint8_t>& raw);
/// The header at the beginning of `bytes`, or nothing: too short, no magic, wrong hash, impossible sizes.
std::optional<BlockHeader> parse_block_header(std::string_view bytes);
/// The raw payload into `raw`; false when the hash or the compressed data is wrong.
bool unpack_payload(const BlockHeader& header, std::string_view stored, std::vector<uint8_t>& raw);

/// Entries collected for the next block, with this process's symbol ids.
struct Staging {
  std::vector<int64_t> times;
  std::vector<Process> processes;
  std::vector<uint8_t> types;
  std::vector<Symbol> functions;
  std::vector<uint8_t> values;
  std::vector<std::pair<uint32_t, int64_t>> indices;  ///< those that are not the position: entry, index
  std::vector<uint32_t> error_entries;
  std::vector<uint8_t> errors;
  uint64_t first_entry = 0;

  size_t size() const { return times.size(); }
  size_t bytes() const { return values.size() + errors.size() + size() * 4; }
  void add(const Op& op);
  void clear();
};

/// Encodes blocks; keeps its tables between them.
class BlockEncoder {
 public:
  /// Replaces `raw` by the raw payload for `staging`. A value nested deeper than 64 becomes the string of its
  /// EDN text.
  void encode(const Staging& staging, std::vector<uint8_t>& raw);

 private:
  uint32_t text_id(Symbol s);
  void translate(const uint8_t*& at, const uint8_t* stop, std::vector<uint8_t>& to);
  void put_values(const Staging& staging);
  std::vector<uint32_t> ids_;  ///< by symbol id: the block's id + 1, or 0
  std::vector<Symbol> texts_;
  std::vector<uint8_t> values_, errors_, column_;
};

/// Appends a block's entries to `into`. False, with `into` as before, when the bytes are no block of so many
/// entries.
bool decode_entries(const std::vector<uint8_t>& raw, uint32_t entries, uint64_t first_entry,
                    HistoryBuilder& into);

}  // namespace riven::journal
