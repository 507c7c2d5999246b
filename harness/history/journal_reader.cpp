#include <algorithm>

#include "harness/history/journal_block.h"
#include "harness/history/source_reader.h"

namespace riven::reading {

namespace {

using journal::kBlockHeaderBytes;
using journal::kBlockMagic;
using journal::kFileHeaderBytes;
using journal::kFileMagic;

/// Reads a journal block by block; behind damage it goes on at the next intact block.
class JournalReader {
 public:
  explicit JournalReader(const Source& source) : bytes_(source.bytes), source_(source) {}

  Result<ReadHistory> read() {
    if (auto status = read_file_header(); !status) return status.error();
    reserve();
    builder_.spill_beyond(source_.values_in_memory());
    while (at_ < bytes_.size()) {
      if (!read_block()) skip_damage();
      builder_.settle();
      release_behind();
    }
    close_damage(std::nullopt);
    if (!any_block_) return Error{source_.name + ": no block of this journal is intact: nothing can be read"};
    if (!ended_)
      warn(
          "the journal was never closed (its writer died, or still runs): operations of the last 100 ms may "
          "be missing");
    summarise();
    if (!ended_) extent_ = std::max(extent_, Extent::beginning);
    const size_t entries = builder_.size();
    auto result = finish(builder_, source_, HistoryBuilder::Pairing::strict);
    if (!result) return result;
    if (const size_t orphans = entries - result->history.size(); orphans > 0)
      warn(std::to_string(orphans) + " completions were left out: their invocations were lost");
    result->format = Format::riven;
    result->extent = extent_;
    result->warnings = std::move(warnings_);
    result->metadata = std::move(metadata_);
    return result;
  }

 private:
  void warn(const std::string& what) { warnings_.push_back(source_.name + ": " + what); }

  Status read_file_header() {
    if (!bytes_.starts_with(kFileMagic)) {
      damage_start_ = 0;
      find_block(0);
      return ok_status();
    }
    if (bytes_.size() < kFileHeaderBytes)
      return Error{source_.name + ": the journal ends within its first 16 bytes"};
    const auto version = static_cast<unsigned char>(bytes_[kFileMagic.size()]);
    if (version > journal::kVersion && find_block_at(kFileHeaderBytes) != kFileHeaderBytes)
      return Error{source_.name + ": a journal of version " + std::to_string(version) +
                   ", and this Riven reads version 1: use a newer one"};
    at_ = kFileHeaderBytes;
    return ok_status();
  }

  /// Room for as many entries as the headers promise, but for no more than the file can justify.
  void reserve() {
    uint64_t total = 0;
    for (size_t at = at_; at < bytes_.size();) {
      const auto header = journal::parse_block_header(bytes_.substr(at));
      if (!header) break;
      total += header->entries;
      at += kBlockHeaderBytes + header->stored_bytes;
    }
    expected_total_ = std::min<uint64_t>(total, bytes_.size());
    builder_.reserve(expected_total_);
  }

  bool read_block() {
    const auto header = journal::parse_block_header(bytes_.substr(at_));
    if (!header || header->stored_bytes > bytes_.size() - at_ - kBlockHeaderBytes) return false;
    const std::string_view stored = bytes_.substr(at_ + kBlockHeaderBytes, header->stored_bytes);
    if (header->first_entry < next_entry_ || header->first_entry > History::kNone ||
        !journal::unpack_payload(*header, stored, raw_))
      return false;
    if (header->kind == journal::entries) {
      const bool lost = header->first_entry > next_entry_;
      if (builder_.size() + header->entries >= History::kNone) return false;
      if (lost) builder_.gap();
      if (!journal::decode_entries(raw_, header->entries, header->first_entry, builder_)) return false;
      reserve_values();
    } else if (header->kind == journal::metadata) {
      std::optional<Json> metadata = Json::parse({reinterpret_cast<const char*>(raw_.data()), raw_.size()});
      if (!metadata) return false;
      metadata_ = std::move(*metadata);
    } else if (header->kind == journal::end) {
      ended_ = true;
    }
    close_damage(header->first_entry);
    any_block_ = true;
    next_entry_ = header->first_entry + header->entries;
    at_ += kBlockHeaderBytes + header->stored_bytes;
    return true;
  }

  /// After the first block it is known how long values are.
  void reserve_values() {
    auto& values = builder_.value_bytes();
    const size_t entries = builder_.size();
    if (values_reserved_ || entries == 0) return;
    values_reserved_ = true;
    const double each = static_cast<double>(values.size()) / static_cast<double>(entries);
    const size_t all = static_cast<size_t>(each * 1.1 * static_cast<double>(expected_total_)) + values.size();
    const uint64_t most = source_.values_in_memory();
    if (most == 0 || all <= most) values.reserve(all);
  }

  /// The blocks read leave memory, where that is limited: not each by itself, as that takes a while.
  void release_behind() {
    constexpr size_t kStep = 4 << 20;
    if (at_ < released_ + kStep) return;
    source_.release(at_);
    released_ = at_;
  }

  void skip_damage() {
    if (!damage_start_) damage_start_ = at_;
    // Where the header is whole the damage is within its payload, which needs no search, unless bytes are
    // missing.
    find_block(at_ + 1);
  }

  size_t find_block_at(size_t from) const {
    for (size_t at = bytes_.find(kBlockMagic, from); at != std::string_view::npos;
         at = bytes_.find(kBlockMagic, at + 1)) {
      if (journal::parse_block_header(bytes_.substr(at))) return at;
    }
    return bytes_.size();
  }
  void find_block(size_t from) { at_ = find_block_at(from); }

  /// Reports what was lost before the block that begins at entry `first_entry`, or before the end of the
  /// file.
  void close_damage(std::optional<uint64_t> first_entry) {
    const uint64_t lost = first_entry ? *first_entry - next_entry_ : 0;
    if (!damage_start_ && lost == 0) return;
    if (lost > 0) extent_ = Extent::parts;
    constexpr size_t kNamed = 20;
    ++damages_;
    lost_entries_ += lost;
    if (damages_ <= kNamed) {
      const size_t from = damage_start_.value_or(at_);
      std::string text = from == at_ ? "a block is missing at byte " + std::to_string(at_)
                                     : "bytes " + std::to_string(from) + " to " + std::to_string(at_ - 1) +
                                           (first_entry ? " are damaged" : " are damaged or cut short");
      if (!first_entry) {
        const auto header = journal::parse_block_header(bytes_.substr(from));
        text += header && header->kind == journal::entries
                    ? ": at least the " + std::to_string(header->entries) + " entries from " +
                          std::to_string(next_entry_) + " on are lost"
                    : ": whatever was recorded behind entry " + std::to_string(next_entry_) + " is lost";
      } else if (lost > 0) {
        text += ": " + std::to_string(lost) + " entries are lost (" + std::to_string(next_entry_) + " to " +
                std::to_string(*first_entry - 1) + ")";
      } else {
        text += ": no entries are lost";
      }
      warn(text);
    }
    damage_start_.reset();
  }

  void summarise() {
    if (damages_ > 1)
      warn("in all " + std::to_string(damages_) + " damaged places, and at least " +
           std::to_string(lost_entries_) + " entries lost");
  }

  std::string_view bytes_;
  const Source& source_;
  size_t at_ = 0;
  size_t released_ = 0;
  uint64_t next_entry_ = 0;
  uint64_t expected_total_ = 0;
  std::optional<size_t> damage_start_;
  size_t damages_ = 0;
  uint64_t lost_entries_ = 0;
  Extent extent_ = Extent::whole;
  bool any_block_ = false;
  bool ended_ = false;
  bool values_reserved_ = false;
  std::vector<uint8_t> raw_;
  std::vector<std::string> warnings_;
  Json metadata_ = Json::object();
  HistoryBuilder builder_;
};

}  // namespace

Result<ReadHistory> read_journal(const Source& source) { return JournalReader(source).read(); }

}  // namespace riven::reading
