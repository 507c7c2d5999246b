// The readers of histories. Besides not crashing: what was read can be looked at entry by entry, and is the
// same after it was written as EDN and read again. JSON lines lose keywords, sets and the kinds of numbers:
// what comes back from them is the same after it was written once more.
#include <cstdlib>

#include "harness/core/check.h"
#include "harness/history/journal_block.h"
#include "harness/history/reader.h"
#include "harness/history/writer.h"
#include "tests/fuzz/targets.h"

namespace riven::fuzz {

namespace {

template <typename Write>
std::string written(const History& history, Write write) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const file = ::open_memstream(&text, &size);
  RIVEN_CHECK(file != nullptr, "no memory for the text");
  RIVEN_CHECK(write(history, file).has_value(), "writing to memory failed");
  std::fclose(file);
  std::string copy(text, size);
  std::free(text);
  return copy;
}

void look_at(const History& h) {
  for (size_t i = 0; i < h.size(); ++i) {
    static_cast<void>(h.op(i));
    const uint32_t other = h.pair(i);
    RIVEN_CHECK(other == History::kNone || (other < h.size() && h.pair(other) == i),
                "pairs that do not match");
  }
}

void check_same(const History& a, const History& b) {
  RIVEN_CHECK(a.size() == b.size(), "entries were lost on the way out and in again");
  for (size_t i = 0; i < a.size(); ++i) {
    RIVEN_CHECK(a.time_ns(i) == b.time_ns(i) && a.process(i) == b.process(i) && a.type(i) == b.type(i) &&
                    a.f(i) == b.f(i) && a.source_index(i) == b.source_index(i) && a.pair(i) == b.pair(i),
                "an entry changed on the way out and in again");
    RIVEN_CHECK(a.value(i) == b.value(i) && a.error(i) == b.error(i),
                "a value changed on the way out and in again");
  }
}

void read_as(Format format, std::string_view bytes, bool exact_edn = true) {
  const auto read = read_history_bytes(bytes, "fuzz", {.format = format, .threads = 1});
  if (!read) return;
  look_at(read->history);
  if (read->history.size() == 0) return;
  constexpr auto kLenient = HistoryBuilder::Pairing::lenient;
  if (exact_edn) {
    const std::string edn = written(read->history, write_edn);
    const auto again =
        read_history_bytes(edn, "edn", {.format = Format::edn, .pairing = kLenient, .threads = 1});
    RIVEN_CHECK(again.has_value() && again->warnings.size() <= 2, "EDN of Riven's own was refused");
    check_same(read->history, again->history);
  }
  const auto through_json = [&](const History& history) {
    auto again = read_history_bytes(written(history, write_jsonl), "json",
                                    {.format = Format::jsonl, .pairing = kLenient, .threads = 1});
    RIVEN_CHECK(again.has_value(), "JSON lines of Riven's own were refused");
    return std::move(again->history);
  };
  const History once = through_json(read->history);
  RIVEN_CHECK(once.size() == read->history.size(), "entries were lost on the way out and in again");
  check_same(once, through_json(once));
}

}  // namespace

/// A whole journal. Hashes keep most changed bytes out; see fuzz_journal_block for what is behind them.
void fuzz_journal(std::string_view bytes) {
  const auto read = read_history_bytes(bytes, "fuzz", {.format = Format::riven});
  if (read) look_at(read->history);
}

/// The payload of a block with a good header and hash: the first byte says how many entries.
void fuzz_journal_block(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto entries = static_cast<uint8_t>(bytes[0]);
  const std::vector<uint8_t> raw(bytes.begin() + 1, bytes.end());
  std::vector<uint8_t> file(journal::kFileMagic.begin(), journal::kFileMagic.end());
  file.push_back(static_cast<uint8_t>(journal::kVersion));
  while (file.size() < journal::kFileHeaderBytes) file.push_back(0);
  journal::put_block(file, journal::entries, entries, 0, raw);
  fuzz_journal({reinterpret_cast<const char*>(file.data()), file.size()});
}

void fuzz_edn(std::string_view bytes) { read_as(Format::edn, bytes); }
void fuzz_jsonl(std::string_view bytes) { read_as(Format::jsonl, bytes); }
void fuzz_jepsen_log(std::string_view bytes) { read_as(Format::jepsen_log, bytes); }
void fuzz_porcupine(std::string_view bytes) { read_as(Format::porcupine, bytes); }
void fuzz_elle_json(std::string_view bytes) { read_as(Format::elle_json, bytes); }

void fuzz_plume(std::string_view bytes) { read_as(Format::plume, bytes); }
void fuzz_awdit(std::string_view bytes) { read_as(Format::awdit, bytes); }
void fuzz_dbcop(std::string_view bytes) { read_as(Format::dbcop, bytes); }

}  // namespace riven::fuzz
