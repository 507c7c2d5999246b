// Jepsen's log lines ("INFO  jepsen.util - 2 :invoke :cas [1 2]") and its history.txt. The line's place is
// its time. Lines without an operation are skipped. The third column of a completion is its value,
// as in Jepsen ("2 :info :cas :timed-out"); a fourth is its error, or, where that is no whole value, its text
// (exceptions are logged with their line feeds). In the recordings of etcd that Porcupine tests itself with
// (lines that begin with "INFO  jepsen.util - ") a failed cas with its value is etcd's answer that the
// comparison failed: it gets that error.
#include <algorithm>

#include "harness/core/text.h"
#include "harness/history/edn_parser.h"
#include "harness/history/log_line.h"
#include "harness/history/number_text.h"
#include "harness/history/text_part.h"

namespace riven::reading {

namespace {

class LogOps {
 public:
  explicit LogOps(TextPart& part) : part_(part) {}

  void run(const char* begin, const char* limit, const char* end) {
    for (const char* at = begin; at < limit;) {
      const char* const stop = std::find(at, end, '\n');
      const auto line = parse_log_line({at, static_cast<size_t>(stop - at)});
      if (line && !operation(at, *line, stop, stop == end)) return part_.stop(std::min(stop + 1, end));
      at = std::min(stop + 1, end);
    }
    part_.stop(limit);
  }

 private:
  bool operation(const char* start, const LogLine& line, const char* stop, bool last) {
    OpFields fields;
    fields.type = line.type;
    int64_t number = 0;
    if (!parse_integer(line.process, number)) {
      fields.process = part_.named_process(line.process);
    } else if (number >= 0 && number <= INT32_MAX) {
      fields.process = static_cast<Process>(number);
    } else {
      return part_.fail(start, wrong_process(line.process));
    }
    EdnParser parser(line.rest.data(), stop, part_.symbols());
    std::string_view f;
    part_.begin(start);
    bool good = parser.text(f);
    if (good) fields.f = part_.symbols()(without_colon(f));
    good = good && parser.skip_blank();
    const bool compared = good && fields.type == OpType::fail && f == "cas" && !parser.at_end() &&
                          *parser.at == '[' && is_of_porcupine(start, stop);
    if (good && !parser.at_end()) {
      good = parser.value(part_.builder().value()) && parser.skip_blank();
      if (good && !parser.at_end() && *parser.at != '#' && !line_comment(parser.at, stop))
        error(parser, stop);
      else if (good && compared)
        part_.builder().error(Value::keyword("compare-failed"));
    }
    if (good) return part_.commit(fields, OpFields());
    part_.drop();
    if (last && parser.truncated()) {
      part_.cut_short(start);
      return false;
    }
    return part_.fail(start, parser.truncated() ? "the line ends within its value" : parser.error());
  }

  static bool is_of_porcupine(const char* start, const char* stop) {
    return std::string_view(start, static_cast<size_t>(stop - start)).starts_with("INFO  jepsen.util - ");
  }

  /// etcd's recordings of Porcupine have ":hint 12" behind the value.
  static bool line_comment(const char* at, const char* stop) {
    return std::string_view(at, static_cast<size_t>(stop - at)).starts_with(":hint ");
  }

  void error(EdnParser& parser, const char* stop) {
    std::string_view text(parser.at, static_cast<size_t>(stop - parser.at));
    error_.clear();
    ValueWriter writer(error_);
    if (parser.value(writer)) return part_.builder().error(ValueView(error_.data()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    part_.builder().error(Value(valid_utf8(text)));
  }

  TextPart& part_;
  std::vector<uint8_t> error_;
};

size_t next_line(std::string_view text, size_t from) {
  const size_t at = text.find('\n', from);
  return at == std::string_view::npos ? text.size() : at + 1;
}

}  // namespace

Result<ReadHistory> read_jepsen_log(const Source& source) {
  const TextGrammar grammar{.boundary = next_line,
                            .parse = [](TextPart& part, const char* begin, const char* limit,
                                        const char* end) { LogOps(part).run(begin, limit, end); }};
  return read_parts(source, HistoryBuilder::Pairing::lenient, Format::jepsen_log, grammar);
}

}  // namespace riven::reading
