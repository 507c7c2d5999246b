// Large texts of operations, parsed in parts on all cores. Internal to harness/history.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/history.h"
#include "harness/history/field_names.h"
#include "harness/history/source_reader.h"

namespace riven::reading {

/// Symbols of short texts without the lock that interning takes: a direct-mapped cache. For one thread.
class SymbolCache {
 public:
  Symbol operator()(std::string_view text);

 private:
  struct Slot {
    std::string_view text;
    Symbol symbol;
  };
  std::array<Slot, 1024> slots_;
};

/// The fields of one operation but its value and error.
struct OpFields {
  static constexpr int64_t kMissing = INT64_MIN;
  int64_t time_ns = kMissing;
  int64_t index = kMissing;
  std::optional<Process> process;
  std::optional<OpType> type;
  std::optional<Symbol> f;
  /// The first field that may change what the operation means, and that Riven cannot take into account.
  std::optional<Symbol> refused;
  std::vector<Symbol> passed_over{};  ///< fields whose names say nothing to Riven
  bool keyed = false;                 ///< the value is a [key value] pair, because a field gives the key
};

/// What one thread read from one part of a text: its entries, with lines counted from the part's beginning,
/// and processes that are names numbered within the part.
class TextPart {
 public:
  explicit TextPart(const char* begin) : stop_(begin), counted_(begin) {}

  SymbolCache& symbols() { return symbols_; }
  HistoryBuilder& builder() { return builder_; }
  /// The number for a process that is a name.
  Process named_process(std::string_view name);
  /// Notes in `fields` a field that is refused or passed over; nothing of one that is harmless.
  void note(OtherField other, std::string_view name, OpFields& fields);
  /// Writes the entry's value, which was kept apart (empty: nil); with a key as the pair of both.
  void value(const OpFields& fields, const std::vector<uint8_t>& key, const std::vector<uint8_t>& value);
  /// Begins the entry that stands at `at`; positions must not decrease.
  void begin(const char* at);
  /// Ends it. An error when a field is missing that has no `usual` value, or there are too many functions. A
  /// usual value stands for a field that no operation of the text has.
  bool commit(const OpFields& fields, const OpFields& usual);
  /// Forgets it.
  void drop();

  bool fail(const char* at, std::string what);  ///< always false
  /// The text ends within the entry that began at `at`.
  void cut_short(const char* at);
  /// The part has been read up to `at`: where the next operation begins, or the end of the text.
  void stop(const char* at);

 private:
  friend class TextAssembler;
  friend Result<ReadHistory> read_parts(const Source&, HistoryBuilder::Pairing, Format,
                                        const struct TextGrammar&);
  uint32_t line_of(const char* at);

  struct Problem {
    uint32_t line;
    std::string what;
  };
  HistoryBuilder builder_;
  SymbolCache symbols_;
  std::vector<int64_t> indices_;
  std::vector<Symbol> names_;
  std::optional<Problem> problem_;
  std::optional<uint32_t> cut_line_;
  /// Lines of the first operations with and without a field that has a usual value.
  struct LeftOut {
    std::optional<uint32_t> given, left_out;
  };
  LeftOut process_, f_, key_;
  std::vector<Symbol> passed_over_;
  std::optional<uint32_t> repeated_line_;  // of the first map or set with something twice
  const char* stop_;
  const char* counted_;
  uint32_t lines_ = 0;
  const char* entry_ = nullptr;
  uint32_t entry_line_ = 0;
};

/// How a text is cut and parsed.
struct TextGrammar {
  /// Where an operation may begin at or behind `from`, or the text's size. May be wrong: then what was
  /// parsed from there on is parsed again.
  std::function<size_t(std::string_view text, size_t from)> boundary;
  /// Parses the operations that begin in [begin, limit) of a text that ends at `end`.
  std::function<void(TextPart& part, const char* begin, const char* limit, const char* end)> parse;
};

/// Reads the whole source. The result does not depend on the number of threads.
Result<ReadHistory> read_parts(const Source& source, HistoryBuilder::Pairing usual, Format format,
                               const TextGrammar& grammar);

/// The type named so, in any case of letters, with or without colons before it.
std::optional<OpType> parse_type(std::string_view text);
/// The name without colons before it: some writers of JSON leave Clojure's there.
std::string_view without_colon(std::string_view name);

// What is wrong with a field, in the same words whatever the format. `token` is what stands there.
std::string wrong_type(std::string_view token);
std::string wrong_process(std::string_view token);
/// `field` is time or index.
std::string wrong_number(std::string_view field, std::string_view token);

}  // namespace riven::reading
