#include "harness/history/text_part.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "harness/core/text.h"
#include "harness/history/field_names.h"
#include "harness/history/number_text.h"

namespace riven::reading {

namespace {
/// As much of it as a message should have.
std::string shown(std::string_view token) {
  constexpr size_t kMost = 60;
  return valid_utf8(token.size() <= kMost ? token : token.substr(0, kMost)) +
         (token.size() <= kMost ? "" : "...");
}
}  // namespace

Symbol SymbolCache::operator()(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > 64) return Symbol(text);
  uint64_t hash = 0;
  std::memcpy(&hash, text.data(), std::min<size_t>(8, text.size()));
  hash = (hash ^ (text.size() << 56) ^ static_cast<uint64_t>(static_cast<uint8_t>(text.back())) << 48) *
         0x9e3779b97f4a7c15ULL;
  Slot& slot = slots_[hash >> 54];
  if (slot.text != text) {
    slot.symbol = Symbol(text);
    slot.text = slot.symbol.text();
  }
  return slot.symbol;
}

std::string_view without_colon(std::string_view name) {
  while (name.starts_with(":")) name.remove_prefix(1);
  return name;
}

std::optional<OpType> parse_type(std::string_view text) {
  const std::string name = lower_case(without_colon(text));
  for (const OpType type : {OpType::invoke, OpType::ok, OpType::fail, OpType::info}) {
    if (name == to_text(type)) return type;
  }
  return std::nullopt;
}

std::string wrong_type(std::string_view token) {
  return "the type " + shown(token) + " is none of invoke, ok, fail, info";
}

std::string wrong_process(std::string_view token) {
  int64_t number = 0;
  const char* const what = parse_whole(token, number)          ? "is out of range"
                           : token == "nil" || token == "null" ? "is nobody"
                                                               : "is no whole number";
  return "the process " + shown(token) + " " + what +
         ": clients count from 0 to 2147483647 or have names, the nemesis is called nemesis";
}

std::string wrong_number(std::string_view field, std::string_view token) {
  return "the " + std::string(field) + " " + shown(token) + " is no whole number of 64 bits" +
         (field == "time" ? ": times are in nanoseconds" : "");
}

namespace {
/// Processes that are names: part-wide placeholders count up from here until the assembler knows better.
constexpr Process kFirstName = INT32_MIN;
constexpr Process kLastName = INT32_MIN / 2;
/// Clients that are names are processes like others, with numbers that no counting recorder reaches.
constexpr Process kFirstNamedClient = 1'000'000'000;
constexpr size_t kMaxFunctions = 60000;

void add_new(std::vector<Symbol>& to, const std::vector<Symbol>& some) {
  for (const Symbol name : some)
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
}
}  // namespace

Process TextPart::named_process(std::string_view name) {
  name = without_colon(name);
  if (name == "nemesis") return kNemesis;
  constexpr std::string_view kNumbered = "nemesis-";
  if (name.starts_with(kNumbered)) {
    Process number = 0;
    const char* const stop = name.data() + name.size();
    const auto [at, code] = std::from_chars(name.data() + kNumbered.size(), stop, number);
    if (code == std::errc() && at == stop && number > 1 && number <= INT32_MAX / 2) return -number;
  }
  const Symbol symbol = symbols_(name);
  const auto found = std::find(names_.begin(), names_.end(), symbol);
  const auto position = static_cast<Process>(found - names_.begin());
  if (found == names_.end()) names_.push_back(symbol);
  return kFirstName + std::min(position, kLastName - kFirstName - 1);
}

uint32_t TextPart::line_of(const char* at) {
  lines_ += static_cast<uint32_t>(std::count(counted_, at, '\n'));
  counted_ = at;
  return lines_ + 1;
}

void TextPart::note(OtherField other, std::string_view name, OpFields& fields) {
  if (other == OtherField::refused && !fields.refused) fields.refused = symbols_(name);
  if (other == OtherField::named) fields.passed_over.push_back(symbols_(name));
}

void TextPart::value(const OpFields& fields, const std::vector<uint8_t>& key,
                     const std::vector<uint8_t>& value) {
  ValueWriter& out = builder_.value();
  if (fields.keyed) {
    out.begin_list();
    out.value(ValueView(key.data()));
  }
  out.value(value.empty() ? ValueView() : ValueView(value.data()));
  if (fields.keyed) out.end();
}

void TextPart::begin(const char* at) {
  entry_ = at;
  entry_line_ = line_of(at);
  builder_.begin_value();
  builder_.line(entry_line_);
}

bool TextPart::commit(const OpFields& fields, const OpFields& usual) {
  const auto process = fields.process ? fields.process : usual.process;
  const auto f = fields.f ? fields.f : usual.f;
  if (!fields.type || !process || !f) {
    const char* const missing = !fields.type ? "type (invoke, ok, fail or info)"
                                : !process   ? "process"
                                             : "f (the function)";
    return fail(entry_, std::string("an operation without ") + missing + ": every operation needs one");
  }
  if (builder_.function_count() > kMaxFunctions)
    return fail(entry_, "more than 60,000 different functions: is f really the function?");
  const bool is_client = *process >= 0 || *process <= kLastName;
  const auto note = [&](LeftOut& field, bool given) {
    if (!is_client) return;
    std::optional<uint32_t>& first = given ? field.given : field.left_out;
    if (!first) first = entry_line_;
  };
  if (is_client && fields.refused) return fail(entry_, why_refused(fields.refused->text()));
  note(process_, fields.process.has_value());
  note(key_, fields.keyed);
  if (is_client) add_new(passed_over_, fields.passed_over);
  note(f_, fields.f.has_value());
  builder_.set(fields.time_ns, *process, *fields.type, *f);
  builder_.commit();
  if (builder_.value().take_repeated() && !repeated_line_) repeated_line_ = entry_line_;
  indices_.push_back(fields.index);
  return true;
}

void TextPart::drop() { builder_.drop(); }

bool TextPart::fail(const char* at, std::string what) {
  if (!problem_) {
    const uint32_t before = at > counted_ ? 0 : static_cast<uint32_t>(std::count(at, counted_, '\n'));
    const uint32_t line = at > counted_ ? line_of(at) : lines_ + 1 - before;
    problem_ = Problem{line, std::move(what)};
  }
  return false;
}

void TextPart::cut_short(const char* at) { cut_line_ = line_of(at); }

void TextPart::stop(const char* at) {
  line_of(at);
  stop_ = at;
}

/// Puts parts behind one another.
class TextAssembler {
 public:
  TextAssembler(const Source& source, size_t bytes) : source_(source), bytes_(bytes) {
    builder_.spill_beyond(source.values_in_memory());
  }

  /// An error of the part ends the reading.
  Status add(TextPart&& part, size_t part_bytes) {
    if (part.problem_)
      return Error{source_.name + ": line " + std::to_string(lines_ + part.problem_->line) + ": " +
                   part.problem_->what};
    HistoryBuilder& from = part.builder_;
    if (builder_.size() + from.size() >= History::kNone)
      return Error{source_.name + ": more than 4 billion entries: check a part of the history"};
    if (builder_.function_count() + from.function_count() > kMaxFunctions)
      return Error{source_.name + ": more than 60,000 different functions: is f really the function?"};
    if (part.cut_line_) {
      cut_ = true;
      warnings_.push_back(
          source_.name + ": line " + std::to_string(lines_ + *part.cut_line_) +
          ": cut short at the end of the file, and left out: the writer seems to have crashed");
    }
    if (part.repeated_line_ && !std::exchange(repeated_, true)) {
      warnings_.push_back(source_.name + ": line " + std::to_string(lines_ + *part.repeated_line_) +
                          ": a map has a key twice, or a set an element; of a key the last value counts");
    }
    if (auto status = all_or_none(process_, part.process_, "process"); !status) return status;
    if (auto status = all_or_none(f_, part.f_, "f (the function)"); !status) return status;
    if (auto status = all_or_none(key_, part.key_, "key"); !status) return status;
    add_new(passed_over_, part.passed_over_);
    name_processes(part);
    fill_times(from);
    from.shift_lines(lines_);
    lines_ += part.lines_;
    const size_t first = builder_.size();
    if (first == 0 && part_bytes > 0)
      reserve(part, static_cast<double>(bytes_) / static_cast<double>(part_bytes));
    builder_.append(std::move(from));
    for (size_t i = 0; i < part.indices_.size(); ++i) {
      const int64_t index = part.indices_[i];
      if (index == OpFields::kMissing) continue;
      indexed_ = true;
      descends_ = descends_ || index < last_index_;
      last_index_ = index;
      builder_.bulk_source_index(first + i, index);
    }
    builder_.settle();
    return ok_status();
  }

  Result<ReadHistory> finish(HistoryBuilder::Pairing usual, Format format) {
    if (builder_.size() == 0 && warnings_.empty())
      return Error{source_.name + ": no operation in it (read as " + std::string(to_text(format)) +
                   "): is it another format? say which with --format (" + format_names() + ")"};
    if (descends_)
      warnings_.push_back(source_.name +
                          ": the indices do not ascend: operations are taken in the order of the file");
    const bool by_time = source_.options.order == EventOrder::time;
    if (by_time && timed_ && untimed_line_)
      return Error{source_.name + ": line " + std::to_string(*untimed_line_) +
                   ": an operation without a time, and --order time goes by the times"};
    warn_of_fields();
    if (!timed_) builder_.no_times();
    auto result = reading::finish(builder_, source_, usual);
    if (!result && process_.left_out && !process_.given)
      return Error{result.error().message +
                   ": no operation names its process, so all are taken to be of one: add process to each"};
    if (!result) return result;
    if (runs_back_line_ && !indexed_ && !by_time)
      warnings_.push_back(source_.name + ": line " + std::to_string(*runs_back_line_) +
                          " is earlier than the line before: the order of the lines counts, not that of the "
                          "times (--order time: of the times)");
    result->format = format;
    if (key_.given) result->metadata["keyed"] = true;
    if (cut_) result->extent = by_time ? Extent::parts : Extent::beginning;
    warnings_.insert(warnings_.end(), result->warnings.begin(), result->warnings.end());
    result->warnings = std::move(warnings_);
    warn_of_reuse(*result);
    return result;
  }

 private:
  /// A usual value stands in for a field only where the whole text does without it.
  Status all_or_none(TextPart::LeftOut& seen, const TextPart::LeftOut& part, const std::string& field) const {
    if (!seen.given && part.given) seen.given = lines_ + *part.given;
    if (!seen.left_out && part.left_out) seen.left_out = lines_ + *part.left_out;
    if (!seen.given || !seen.left_out) return ok_status();
    return Error{source_.name + ": line " + std::to_string(*seen.left_out) + ": an operation without " +
                 field + ", which the one of line " + std::to_string(*seen.given) + " has"};
  }

  void name_processes(TextPart& part) {
    if (part.names_.empty()) return;
    for (Process& process : part.builder_.processes()) {
      if (process > kLastName) continue;
      const Symbol name = part.names_[static_cast<size_t>(process - kFirstName)];
      const auto found = std::find(names_.begin(), names_.end(), name);
      process = kFirstNamedClient + static_cast<Process>(found - names_.begin());
      if (found == names_.end()) names_.push_back(name);
    }
  }

  /// Lines are counted in the part.
  void fill_times(HistoryBuilder& from) {
    const auto times = from.times_ns();
    const auto line_of = [&](size_t i) { return lines_ + from.lines()[i]; };
    for (size_t i = 0; i < times.size(); ++i) {
      int64_t& time = times[i];
      if (time != OpFields::kMissing) {
        if (timed_ && time < last_time_ && !runs_back_line_) runs_back_line_ = line_of(i);
        timed_ = true;
      } else {
        if (!untimed_line_) untimed_line_ = line_of(i);
        time = timed_ ? last_time_ : static_cast<int64_t>(position_);
      }
      last_time_ = time;
      ++position_;
    }
  }

  void reserve(TextPart& part, double parts) {
    const auto scaled = [&](size_t n) {
      return static_cast<size_t>(static_cast<double>(n) * parts * 1.05) + n;
    };
    if (parts <= 1) return;
    builder_.reserve(scaled(part.builder_.size()));
    const size_t values = scaled(part.builder_.value_bytes().size());
    const uint64_t most = source_.values_in_memory();
    if (most == 0 || values <= most) builder_.value_bytes().reserve(values);
  }

  void warn_of_fields() {
    constexpr size_t kMost = 8;
    std::string names;
    for (size_t i = 0; i < std::min(kMost, passed_over_.size()); ++i)
      names += (i == 0 ? "" : ", ") + std::string(passed_over_[i].text());
    if (passed_over_.size() > kMost) names += ", ...";
    if (names.empty()) return;
    warnings_.push_back(source_.name + ": fields that Riven does not know are passed over: " + names);
  }

  /// Lenient pairing lets a process act again after `info`; Jepsen's old histories do so, but it may as well
  /// be a defect.
  void warn_of_reuse(ReadHistory& read) const {
    const History& h = read.history;
    std::vector<bool> retired;
    for (size_t i = 0; i < h.size(); ++i) {
      if (!h.is_client(i) || h.process(i) >= 1 << 22) continue;
      const auto process = static_cast<size_t>(h.process(i));
      if (process >= retired.size()) retired.resize(process + 1, false);
      if (h.type(i) == OpType::info) retired[process] = true;
      if (h.type(i) == OpType::invoke && retired[process]) {
        read.warnings.push_back(
            source_.name + ": line " + std::to_string(h.source_line(i).value_or(0)) + ": process " +
            std::to_string(process) +
            " acts again after an operation of unknown outcome (info), and others may too: the "
            "unknown operation is taken as still running");
        return;
      }
    }
  }

  const Source& source_;
  size_t bytes_;
  HistoryBuilder builder_;
  std::vector<std::string> warnings_;
  std::vector<Symbol> names_;
  uint32_t lines_ = 0;
  TextPart::LeftOut process_, f_, key_;
  std::vector<Symbol> passed_over_;
  bool timed_ = false;
  bool indexed_ = false;
  std::optional<uint32_t> untimed_line_;  // of the first entry without a time
  std::optional<uint32_t>
      runs_back_line_;  // of the first entry whose time is before that of the entry before
  int64_t last_time_ = 0;
  uint64_t position_ = 0;
  int64_t last_index_ = OpFields::kMissing;
  bool descends_ = false;
  bool cut_ = false;
  bool repeated_ = false;
};

namespace {

constexpr size_t kPartBytes = size_t{8} << 20;

/// Parses parts ahead of the one that takes them.
class PartQueue {
 public:
  PartQueue(std::string_view text, const TextGrammar& grammar, unsigned threads)
      : text_(text), grammar_(grammar) {
    for (size_t at = 0; at < text.size();) {
      starts_.push_back(at);
      const size_t from = at + kPartBytes;
      at = from < text.size() ? grammar.boundary(text, from) : text.size();
    }
    parts_.resize(starts_.size());
    if (threads > 1 && starts_.size() > 1) {
      for (unsigned t = 0; t < std::min<size_t>(threads, starts_.size()); ++t)
        workers_.emplace_back([this] { work(); });
    }
  }

  ~PartQueue() {
    {
      const std::lock_guard lock(mutex_);
      next_ = starts_.size();
      taken_ = starts_.size();
    }
    moved_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  /// The operations that begin at `at` (an offset in the text) up to the next start of a part.
  std::unique_ptr<TextPart> take(size_t at) {
    const auto found = std::lower_bound(starts_.begin(), starts_.end(), at);
    const auto i = static_cast<size_t>(found - starts_.begin());
    if (workers_.empty() || found == starts_.end() || *found != at) {
      // Not where a part begins (the boundary was guessed wrong), or there are no workers.
      const auto limit = std::upper_bound(starts_.begin(), starts_.end(), at);
      return parse(at, limit == starts_.end() ? text_.size() : *limit);
    }
    std::unique_lock lock(mutex_);
    taken_ = i;
    moved_.notify_all();
    moved_.wait(lock, [&] { return parts_[i] != nullptr; });
    return std::move(parts_[i]);
  }

 private:
  std::unique_ptr<TextPart> parse(size_t begin, size_t limit) const {
    const char* const text = text_.data();
    auto part = std::make_unique<TextPart>(text + begin);
    grammar_.parse(*part, text + begin, text + limit, text + text_.size());
    return part;
  }

  void work() {
    constexpr size_t kAhead = 6;
    std::unique_lock lock(mutex_);
    while (true) {
      moved_.wait(lock, [&] { return next_ >= starts_.size() || next_ < taken_ + kAhead; });
      if (next_ >= starts_.size()) return;
      const size_t i = next_++;
      lock.unlock();
      auto part = parse(starts_[i], i + 1 < starts_.size() ? starts_[i + 1] : text_.size());
      lock.lock();
      parts_[i] = std::move(part);
      moved_.notify_all();
    }
  }

  std::string_view text_;
  const TextGrammar& grammar_;
  std::vector<size_t> starts_;
  std::vector<std::unique_ptr<TextPart>> parts_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable moved_;
  size_t next_ = 0;   // to be parsed
  size_t taken_ = 0;  // waited for
};

}  // namespace

Result<ReadHistory> read_parts(const Source& source, HistoryBuilder::Pairing usual, Format format,
                               const TextGrammar& grammar) {
  std::string_view text = source.bytes;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  PartQueue queue(text, grammar, source.options.threads != 0 ? source.options.threads : cores);
  TextAssembler assembler(source, text.size());
  for (size_t at = 0; at < text.size();) {
    auto part = queue.take(at);
    const bool last = part->cut_line_.has_value();
    const auto next = static_cast<size_t>(part->stop_ - text.data());
    if (auto status = assembler.add(std::move(*part), next - at); !status) return status.error();
    if (last || next <= at) break;
    at = next;
    source.release(at);
  }
  return assembler.finish(usual, format);
}

}  // namespace riven::reading
