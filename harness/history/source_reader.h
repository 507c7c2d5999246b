// What the readers of the formats share. Internal to harness/history.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "harness/core/result.h"
#include "harness/history/reader.h"

namespace riven::reading {

class FileBytes;

/// The bytes of one source and what to do with them.
struct Source {
  std::string_view bytes;
  std::string name;  ///< in messages
  ReadOptions options;
  const FileBytes* file = nullptr;  ///< that `bytes` are of; none: they are in memory
  /// What options say, or else `usual`.
  HistoryBuilder::Pairing pairing(HistoryBuilder::Pairing usual) const {
    return options.pairing.value_or(usual);
  }
  uint64_t values_in_memory() const { return options.memory_bytes / 8; }
  /// Says that the source has been read up to `to`: where memory is limited, that leaves it.
  void release(size_t to) const;
};

Result<ReadHistory> read_journal(const Source& source);
Result<ReadHistory> read_edn(const Source& source);   ///< edn, porcupine
Result<ReadHistory> read_json(const Source& source);  ///< jsonl, elle-json
Result<ReadHistory> read_jepsen_log(const Source& source);
Result<ReadHistory> read_plume(const Source& source);
Result<ReadHistory> read_awdit(const Source& source);
Result<ReadHistory> read_dbcop(const Source& source);
Result<ReadHistory> read_cobra(const std::string& directory, const ReadOptions& options);

/// Pairs the collected entries; what is wrong is named with the source's name before it.
Result<ReadHistory> finish(HistoryBuilder& builder, const Source& source, HistoryBuilder::Pairing usual);

/// The format of a file that begins with `bytes`, or automatic where it is none that Riven knows.
Format detect(std::string_view bytes);

/// A file in memory: mapped, or read where it cannot be mapped (pipes, standard input). Read-only.
class FileBytes {
 public:
  /// `path` "-" is standard input.
  static Result<FileBytes> open(const std::string& path);
  FileBytes(FileBytes&& other) noexcept;
  FileBytes& operator=(FileBytes&&) = delete;
  ~FileBytes();
  std::string_view bytes() const { return map_ != nullptr ? std::string_view(map_, size_) : copy_; }
  /// What is mapped up to `to` leaves memory until it is read again. Thread-safe.
  void release(size_t to) const;

 private:
  FileBytes() = default;
  const char* map_ = nullptr;
  size_t size_ = 0;
  std::string copy_;
};

}  // namespace riven::reading
