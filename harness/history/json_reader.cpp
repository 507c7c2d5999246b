// JSON lines, and elle-cli's JSON: the same objects in one array.
#include <algorithm>

#include "harness/history/field_names.h"
#include "harness/history/json_parser.h"
#include "harness/history/number_text.h"
#include "harness/history/text_part.h"

namespace riven::reading {

namespace {

/// Parses the operations of one part. With `lines` each stands on a line of its own.
class JsonOps {
 public:
  JsonOps(TextPart& part, const char* begin, const char* limit, const char* end, const ReadOptions& options)
      : part_(part),
        parser_(begin, end, part.symbols(), options.format != Format::elle_json),
        limit_(limit),
        lines_(options.format != Format::elle_json),
        ignored_(options.ignored_fields) {
    if (!lines_) {
      usual_.process = 0;
      usual_.f = Symbol("txn");
    }
  }

  void run() {
    while (true) {
      while (!parser_.at_end() && is_between(parser_.peek())) ++parser_.at;
      const char* const start = parser_.at;
      if (parser_.at_end() || start >= limit_) return part_.stop(start);
      part_.begin(start);
      bool good = object();
      if (again_) {  // the key stands behind the value
        part_.drop();
        parser_.at = start;
        part_.begin(start);
        good = object();
      }
      if (!good || !line_end()) {
        part_.drop();
        if (parser_.truncated()) {
          part_.cut_short(start);
        } else {
          part_.fail(parser_.at, parser_.error());
        }
        return part_.stop(std::max(start, parser_.at));
      }
      if (keyed_) part_.value(fields_, key_, value_);
      if (!error_.empty()) part_.builder().error(ValueView(error_.data()));
      if (!part_.commit(fields_, usual_)) return part_.stop(parser_.at);
    }
  }

 private:
  bool is_between(char c) const {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') return true;
    return !lines_ && (c == '[' || c == ']' || c == ',');
  }

  bool line_end() {
    if (!lines_) return true;
    parser_.skip_blank();
    return parser_.at_end() || parser_.peek() == '\n' ||
           parser_.fail(std::string("a '") + parser_.peek() + "' behind the object: one object a line");
  }

  bool object() {
    fields_ = OpFields();
    again_ = false;
    has_value_ = false;
    value_.clear();
    key_.clear();
    error_.clear();
    if (!parser_.expect('{')) return false;
    parser_.skip_blank();
    if (parser_.peek() == '}') {
      ++parser_.at;
      return true;
    }
    while (true) {
      std::string_view name;
      if (!parser_.string(name) || !parser_.expect(':') || !field(name)) return false;
      parser_.skip_blank();
      const char c = parser_.peek();
      if (c == ',' || c == '}') ++parser_.at;
      if (c == '}') return true;
      if (c != ',') {
        if (parser_.at_end() || c == '\n') return parser_.cut();
        return parser_.fail(std::string("a '") + c + "' where a ',' or a '}' should be");
      }
    }
  }

  bool field(std::string_view name) {
    name = without_colon(name);
    if (name == "value") {
      if (has_value_) return parser_.fail("an operation with two values");
      has_value_ = true;
      return keyed_ ? scratch(value_) : parser_.value(part_.builder().value());
    }
    if (name == "type") return type();
    if (name == "process") return process();
    if (name == "f") return function();
    if (name == "time") return whole(name, fields_.time_ns);
    if (name == "index") return whole(name, fields_.index);
    if (name == "error") return scratch(error_);
    const OtherField other = other_field(name, true, ignored_);
    if (other == OtherField::key) return key();
    part_.note(other, name, fields_);
    return parser_.skip_value();
  }

  /// From the first key on, values are kept apart until the operation's end.
  bool key() {
    if (fields_.keyed) return parser_.fail("an operation with two keys");
    fields_.keyed = true;
    if (!keyed_ && has_value_) again_ = true;
    keyed_ = true;
    return !again_ && scratch(key_);
  }

  bool scratch(std::vector<uint8_t>& bytes) {
    bytes.clear();
    ValueWriter writer(bytes);
    return parser_.value(writer);
  }

  bool type() {
    std::string_view name;
    if (!name_or_raw(name)) return false;
    fields_.type = parse_type(name);
    return fields_.type.has_value() || wrong(wrong_type(name));
  }

  bool process() {
    parser_.skip_blank();
    if (parser_.peek() == '"') {
      std::string_view name;
      if (!parser_.string(name)) return false;
      fields_.process = part_.named_process(name);
      return true;
    }
    std::string_view token;
    int64_t number = 0;
    if (!raw(token)) return false;
    if (!parse_whole(token, number) || number > INT32_MAX || number < 0) return wrong(wrong_process(token));
    fields_.process = static_cast<Process>(number);
    return true;
  }

  bool function() {
    parser_.skip_blank();
    if (parser_.peek() == 'n') return parser_.skip_value();
    std::string_view name;
    if (!parser_.string(name)) return false;
    fields_.f = part_.symbols()(without_colon(name));
    return true;
  }

  /// False. What the text ends with may be cut short.
  bool wrong(std::string what) { return parser_.at_end() ? parser_.cut() : parser_.fail(std::move(what)); }

  bool name_or_raw(std::string_view& name) {
    parser_.skip_blank();
    return parser_.peek() == '"' ? parser_.string(name) : raw(name);
  }

  /// The text of a value.
  bool raw(std::string_view& token) {
    parser_.skip_blank();
    const char* const start = parser_.at;
    if (!parser_.skip_value()) return false;
    token = std::string_view(start, static_cast<size_t>(parser_.at - start));
    return true;
  }

  bool whole(std::string_view field, int64_t& out) {
    const bool is_time = field == "time";  // the view is gone after the next call of the parser
    std::string_view token;
    int64_t number = 0;
    if (!raw(token)) return false;
    if (token == "null") return true;
    if (!parse_whole(token, number)) return wrong(wrong_number(is_time ? "time" : "index", token));
    out = number;
    return true;
  }

  TextPart& part_;
  JsonParser parser_;
  const char* limit_;
  bool lines_;
  OpFields usual_;
  OpFields fields_;
  const std::vector<std::string>& ignored_;
  bool has_value_ = false;
  bool keyed_ = false;  // a field gives the key of this operation or of one before
  bool again_ = false;  // this operation is to be read once more, because it is the first with a key
  std::vector<uint8_t> error_, key_, value_;
};

size_t next_line(std::string_view text, size_t from) {
  const size_t at = text.find('\n', from);
  if (at == std::string_view::npos) return text.size();
  const size_t start = text.find_first_not_of(" \t\r\n", at);
  return std::min(start, text.size());
}

}  // namespace

Result<ReadHistory> read_json(const Source& source) {
  const bool lines = source.options.format != Format::elle_json;
  const TextGrammar grammar{
      .boundary = [lines](std::string_view text,
                          size_t from) { return lines ? next_line(text, from) : text.size(); },
      .parse = [&source](TextPart& part, const char* begin, const char* limit,
                         const char* end) { JsonOps(part, begin, limit, end, source.options).run(); }};
  return read_parts(source, HistoryBuilder::Pairing::lenient, lines ? Format::jsonl : Format::elle_json,
                    grammar);
}

}  // namespace riven::reading
