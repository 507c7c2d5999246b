// What this node still has to undo: on disk before a fault is applied, struck out after it is healed.
#pragma once

#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven::agent {

struct LedgerEntry {
  std::string id;
  std::string kind;
  Json undo;
};

/// One owner's ledger: a file of lines, each "crc32c-in-hex json\n", appended and synced. Lines that are torn
/// or damaged are skipped and counted: a torn last line is an entry whose fault was never applied. Not
/// thread-safe; one process at a time (see OwnerLock).
class Ledger {
 public:
  /// Opens or makes `directory`/ledger/`owner`. A damaged file is no error.
  static Result<Ledger> open(const std::string& directory, const std::string& owner);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  /// Entries on disk and synced when it returns; one sync for all.
  Status record(const std::vector<LedgerEntry>& entries);
  /// The entries were undone. An error means only that they will be undone once more some day.
  Status erase(const std::vector<std::string>& ids);
  /// Removes the file where nothing is live: the owner ends.
  void forget();
  /// In the order in which they were recorded.
  const std::vector<LedgerEntry>& live() const { return live_; }
  /// Lines that could not be read when the file was opened.
  size_t damaged_lines() const { return damaged_lines_; }

 private:
  Ledger(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void load(std::string_view content);
  Status append(const std::string& lines);
  int fd_ = -1;
  std::string path_;
  std::vector<LedgerEntry> live_;
  size_t damaged_lines_ = 0;
};

/// Owners that have a ledger or a lock in `directory`, sorted.
std::vector<std::string> ledger_owners(const std::string& directory);

}  // namespace riven::agent
