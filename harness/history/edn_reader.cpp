// Jepsen's and Elle's operations as EDN maps, and Porcupine's key-value log, which is the same with :key.
#include <algorithm>

#include "harness/history/edn_parser.h"
#include "harness/history/field_names.h"
#include "harness/history/number_text.h"
#include "harness/history/text_part.h"

namespace riven::reading {

namespace {

/// Elle's own examples leave out :process and :f where there is one process and only transactions.
OpFields elle_defaults() {
  OpFields usual;
  usual.process = 0;
  usual.f = Symbol("txn");
  return usual;
}

/// Parses the operations of one part.
class EdnOps {
 public:
  EdnOps(TextPart& part, const char* begin, const char* limit, const char* end, const ReadOptions& options)
      : part_(part), parser_(begin, end, part.symbols()), limit_(limit), ignored_(options.ignored_fields) {}

  void run() {
    while (true) {
      const char* const blank = parser_.at;
      if (!parser_.skip_blank()) return stuck(blank);
      const char* const start = parser_.at;
      if (parser_.at_end() || start >= limit_) return part_.stop(start);
      const char c = *start;
      if (c == '[' || c == '(' || c == ']' || c == ')') {  // around all operations
        ++parser_.at;
        continue;
      }
      if (c != '{' && c != '#') {
        part_.fail(start, std::string("a '") + c + "' where an operation {:process ...} should begin");
        return part_.stop(start);
      }
      if (!operation(start)) return;
    }
  }

 private:
  void stuck(const char* start) {
    if (parser_.truncated()) {
      part_.cut_short(start);
    } else {
      part_.fail(parser_.at, parser_.error());
    }
    part_.stop(std::max(start, parser_.at));
  }

  bool operation(const char* start) {
    while (parser_.peek() == '#') {  // #jepsen.history.Op{
      parser_.token();
      if (!parser_.skip_blank()) return stuck(start), false;
    }
    if (parser_.at_end()) {
      part_.cut_short(start);
      return part_.stop(start), false;
    }
    if (parser_.peek() != '{') {
      part_.fail(start, "a tagged value that is no operation");
      return part_.stop(start), false;
    }
    ++parser_.at;
    part_.begin(start);
    const char* const inside = parser_.at;
    bool good = fields();
    if (again_) {  // the key stands behind the value
      part_.drop();
      parser_.at = inside;
      part_.begin(start);
      good = fields();
    }
    if (!good) {
      part_.drop();
      stuck(start);
      return false;
    }
    if (!finish()) return part_.stop(parser_.at), false;
    return true;
  }

  bool fields() {
    fields_ = OpFields();
    again_ = false;
    has_value_ = false;
    value_.clear();
    key_.clear();
    error_.clear();
    while (true) {
      if (!parser_.skip_blank()) return false;
      const char c = parser_.peek();
      if (c == '}') {
        ++parser_.at;
        return true;
      }
      if (c != ':') {
        if (!parser_.skip_form() || !parser_.skip_form()) return false;
        continue;
      }
      ++parser_.at;
      if (!field(parser_.token())) return false;
    }
  }

  bool field(std::string_view name) {
    if (name == "value") return value();
    if (name == "type") return type();
    if (name == "process") return process();
    if (name == "f") return function();
    if (name == "time") return whole(name, fields_.time_ns);
    if (name == "index") return whole(name, fields_.index);
    if (name == "error") return scratch(error_);
    const OtherField other = other_field(name, false, ignored_);
    if (other == OtherField::key) return key();
    part_.note(other, name, fields_);
    return parser_.skip_blank() && parser_.skip_form();
  }

  /// From the first key on, values are kept apart until the operation's end.
  bool key() {
    if (fields_.keyed) return parser_.fail("an operation with two keys");
    fields_.keyed = true;
    if (!keyed_ && has_value_) again_ = true;
    keyed_ = true;
    parser_.max_depth = kMaxTextDepth - 1;  // the pair with the key is one more
    return !again_ && scratch(key_);
  }

  bool value() {
    if (has_value_) return parser_.fail("an operation with two values");
    has_value_ = true;
    if (keyed_) return scratch(value_);
    return parser_.value(part_.builder().value());
  }

  bool scratch(std::vector<uint8_t>& bytes) {
    bytes.clear();
    ValueWriter writer(bytes);
    return parser_.value(writer);
  }

  bool type() {
    std::string_view name;
    if (!parser_.text(name)) return false;
    fields_.type = parse_type(name);
    return fields_.type.has_value() || wrong(wrong_type(name));
  }

  /// False. What the text ends with may be cut short.
  bool wrong(std::string what) {
    return parser_.at_end() ? parser_.skip_form() : parser_.fail(std::move(what));
  }

  bool process() {
    if (!parser_.skip_blank()) return false;
    const char c = parser_.peek();
    if (c != ':' && c != '"' && ((c | 0x20) < 'a' || (c | 0x20) > 'z')) {
      int64_t number = 0;
      std::string_view token;
      if (!number_field(token)) return false;
      if (!parse_whole(token, number) || number > INT32_MAX || number < 0) return wrong(wrong_process(token));
      fields_.process = static_cast<Process>(number);
      return true;
    }
    std::string_view name;
    if (!parser_.text(name)) return false;
    const bool bare = c != ':' && c != '"';
    if (bare && (name == "nil" || name == "true" || name == "false")) return wrong(wrong_process(name));
    fields_.process = part_.named_process(name);
    return true;
  }

  bool function() {
    if (!parser_.skip_blank()) return false;
    const bool bare = parser_.peek() == 'n';
    std::string_view name;
    if (!parser_.text(name)) return false;
    if (!bare || name != "nil") fields_.f = part_.symbols()(without_colon(name));
    return true;
  }

  bool number_field(std::string_view& token) {
    if (!parser_.skip_blank()) return false;
    const char* const start = parser_.at;
    if (!parser_.skip_form()) return false;
    token = std::string_view(start, static_cast<size_t>(parser_.at - start));
    return true;
  }

  bool whole(std::string_view field, int64_t& out) {
    std::string_view token;
    if (!number_field(token)) return false;
    int64_t number = 0;
    if (token == "nil") return true;
    if (!parse_whole(token, number)) return wrong(wrong_number(field, token));
    out = number;
    return true;
  }

  bool finish() {
    if (keyed_) part_.value(fields_, key_, value_);
    if (!error_.empty()) part_.builder().error(ValueView(error_.data()));
    return part_.commit(fields_, usual_);
  }

  TextPart& part_;
  EdnParser parser_;
  const char* limit_;
  const std::vector<std::string>& ignored_;
  const OpFields usual_ = elle_defaults();
  OpFields fields_;
  bool has_value_ = false;
  bool keyed_ = false;  // a field gives the key of this operation or of one before
  bool again_ = false;  // this operation is to be read once more, because it is the first with a key
  std::vector<uint8_t> error_, key_, value_;
};

/// A line that begins with a map or a tag, perhaps after a blank.
size_t next_operation(std::string_view text, size_t from) {
  for (size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    size_t start = at + 1;
    while (start < text.size() && (text[start] == ' ' || text[start] == ',')) ++start;
    if (start < text.size() && (text[start] == '{' || text[start] == '#')) return start;
  }
  return text.size();
}

}  // namespace

Result<ReadHistory> read_edn(const Source& source) {
  const bool porcupine = source.options.format == Format::porcupine;
  const TextGrammar grammar{
      .boundary = next_operation,
      .parse = [&source](TextPart& part, const char* begin, const char* limit, const char* end) {
        EdnOps(part, begin, limit, end, source.options).run();
      }};
  return read_parts(source, HistoryBuilder::Pairing::lenient, porcupine ? Format::porcupine : Format::edn,
                    grammar);
}

}  // namespace riven::reading
