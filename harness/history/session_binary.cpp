// Two binary forms of sessions.
// DBCop's history.bincode (bincode 1, little endian): u64 id, nodes, variables, transactions, events; three
// texts (u64 length, bytes); u64 sessions; a session is u64 transactions; a transaction is u64 events, the
// events (u8 write, u64 variable, u64 value, u8 success) and u8 success. Events without success are left out;
// transactions without success are failed ones. Value 0 is the initial version. Cobra's T*.log (a file a
// session, big endian): 'S' txn | 'C' txn | 'A' txn | 'W' write key value-hash | 'R' writing-txn write key
// value-hash, each number 8 bytes. A write's id is its value.
#include <algorithm>
#include <filesystem>

#include "harness/history/session_history.h"

namespace riven::reading {

namespace {

/// Numbers from bytes, with the end checked.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  bool byte(uint8_t& out) {
    if (left() < 1) return false;
    out = static_cast<uint8_t>(bytes_[at_++]);
    return true;
  }
  bool little(uint64_t& out) {
    return number(out, [](size_t i) { return 8 * i; });
  }
  bool big(uint64_t& out) {
    return number(out, [](size_t i) { return 56 - 8 * i; });
  }
  bool skip(uint64_t count) {
    if (count > left()) return false;
    at_ += count;
    return true;
  }

 private:
  template <typename Shift>
  bool number(uint64_t& out, Shift shift) {
    if (left() < 8) return false;
    out = 0;
    for (size_t i = 0; i < 8; ++i)
      out |= static_cast<uint64_t>(static_cast<uint8_t>(bytes_[at_ + i])) << shift(i);
    at_ += 8;
    return true;
  }
  std::string_view bytes_;
  size_t at_ = 0;
};

bool dbcop_transaction(Bytes& in, SessionTransaction& out) {
  constexpr uint64_t kEventBytes = 18;
  uint64_t events = 0;
  if (!in.little(events) || events > in.left() / kEventBytes) return false;
  for (; events > 0; --events) {
    uint8_t write = 0;
    uint8_t success = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    if (!in.byte(write) || !in.little(key) || !in.little(value) || !in.byte(success) || write > 1 ||
        success > 1)
      return false;
    if (success == 0) continue;
    out.mops.push_back(
        {.is_write = write != 0, .key = static_cast<int64_t>(key), .value = static_cast<int64_t>(value)});
  }
  uint8_t success = 0;
  if (!in.byte(success) || success > 1) return false;
  out.end = success != 0 ? OpType::ok : OpType::fail;
  return true;
}

bool dbcop_sessions(Bytes& in, SessionHistory& history) {
  uint64_t number = 0;
  for (int i = 0; i < 5; ++i) {
    if (!in.little(number)) return false;
  }
  for (int i = 0; i < 3; ++i) {
    if (!in.little(number) || !in.skip(number)) return false;
  }
  uint64_t sessions = 0;
  if (!in.little(sessions) || sessions > in.left() / 8) return false;
  for (uint64_t s = 0; s < sessions; ++s) {
    history.session(static_cast<int64_t>(s));
    uint64_t transactions = 0;
    if (!in.little(transactions) || transactions > in.left() / 9) return false;
    for (; transactions > 0; --transactions) {
      SessionTransaction transaction;
      if (!dbcop_transaction(in, transaction)) return false;
      history.add(std::move(transaction));
    }
  }
  return true;
}

/// What Cobra writes in place of a write's id.
constexpr uint64_t kCobraInitial = 0xbebeebee;
constexpr uint64_t kCobraNull = 0xdeadbeef;
constexpr uint64_t kCobraCollected[] = {0x23332333, 0x66666666};

/// One session's log.
class CobraLog {
 public:
  CobraLog(std::string_view bytes, SessionHistory& history) : in_(bytes), history_(history) {}

  /// False: a record that is none, at at().
  bool read() {
    while (in_.left() > 0) {
      start_ = in_.at();
      if (!record()) return cut_;
    }
    if (open_) unfinished();
    return true;
  }
  size_t at() const { return start_; }
  bool cut() const { return cut_; }
  size_t collected() const { return collected_; }

 private:
  bool record() {
    uint8_t kind = 0;
    uint64_t n[4] = {};
    if (!in_.byte(kind)) return false;
    const size_t numbers = kind == 'R'                                 ? 4
                           : kind == 'W'                               ? 3
                           : kind == 'S' || kind == 'C' || kind == 'A' ? 1
                                                                       : 0;
    if (numbers == 0) return false;
    for (size_t i = 0; i < numbers; ++i) {
      if (!in_.big(n[i])) {
        cut_ = true;
        unfinished();
        return false;
      }
    }
    if (kind == 'S') {
      if (open_) unfinished();
      open_ = true;
    } else if (kind == 'C' || kind == 'A') {
      current_.end = kind == 'C' ? OpType::ok : OpType::fail;
      close();
    } else if (kind == 'W') {
      current_.mops.push_back(
          {.is_write = true, .key = static_cast<int64_t>(n[1]), .value = static_cast<int64_t>(n[0])});
    } else if (n[1] == kCobraCollected[0] || n[1] == kCobraCollected[1]) {
      ++collected_;
    } else {
      current_.mops.push_back({.is_initial = n[1] == kCobraInitial || n[1] == kCobraNull,
                               .key = static_cast<int64_t>(n[2]),
                               .value = static_cast<int64_t>(n[1])});
    }
    return true;
  }
  void unfinished() {
    current_.end = OpType::info;
    close();
  }
  void close() {
    history_.add(std::move(current_));
    current_ = {};
    open_ = false;
  }

  Bytes in_;
  SessionHistory& history_;
  SessionTransaction current_;
  size_t start_ = 0;
  bool open_ = false;
  bool cut_ = false;
  size_t collected_ = 0;
};

/// T*.log of the directory, T2 before T10.
std::vector<std::filesystem::path> cobra_files(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("T") && name.ends_with(".log")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    const std::string x = a.filename().string();
    const std::string y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return files;
}

}  // namespace

Result<ReadHistory> read_dbcop(const Source& source) {
  SessionHistory history;
  Bytes in(source.bytes);
  if (!dbcop_sessions(in, history))
    return Error{source.name + ": byte " + std::to_string(in.at()) +
                 ": no history of DBCop (history.bincode), or one cut short: record it again"};
  std::vector<std::string> warnings;
  if (in.left() > 0)
    warnings.push_back(source.name + ": " + std::to_string(in.left()) +
                       " bytes behind the history were left out");
  history.zero_is_initial(/*even_if_written=*/true);
  return history.finish(source, Format::dbcop, std::move(warnings), false);
}

Result<ReadHistory> read_cobra(const std::string& directory, const ReadOptions& options) {
  const auto files = cobra_files(directory);
  if (files.empty()) return Error{directory + ": no T*.log in it: not a directory of Cobra's logs"};
  SessionHistory history;
  std::vector<std::string> warnings;
  bool cut = false;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto file = FileBytes::open(files[i].string());
    if (!file) return file.error();
    history.session(static_cast<int64_t>(i));
    CobraLog log(file->bytes(), history);
    if (!log.read())
      return Error{files[i].string() + ": byte " + std::to_string(log.at()) +
                   ": none of Cobra's records (S, C, W, R, A)"};
    cut = cut || log.cut();
    if (log.cut())
      warnings.push_back(files[i].string() + ": byte " + std::to_string(log.at()) +
                         ": cut short; its last transaction has an unknown outcome");
    if (log.collected() > 0)
      warnings.push_back(files[i].string() + ": " + std::to_string(log.collected()) +
                         " reads of versions that Cobra had collected were left out");
  }
  const Source source{.bytes = {}, .name = directory, .options = options};
  return history.finish(source, Format::cobra, std::move(warnings), cut);
}

}  // namespace riven::reading
