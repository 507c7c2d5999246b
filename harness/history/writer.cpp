#include "harness/history/writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

namespace riven {

namespace {

/// Text on its way to a file, in large pieces.
class Output {
 public:
  explicit Output(std::FILE* to) : to_(to) { text_.reserve(kPiece + kPiece / 4); }

  void put(char c) { text_ += c; }
  void put(std::string_view text) { text_ += text; }
  void put_integer(int64_t number) {
    char digits[24];
    text_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }
  /// The shortest text that is read as this number again, and as no integer.
  void put_finite(double number) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    const std::string_view text(digits, static_cast<size_t>(end - digits));
    put(text);
    if (text.find_first_of(".e") == std::string_view::npos) put(".0");
  }
  /// Between entries: writes what has gathered.
  void end_line() {
    put('\n');
    if (text_.size() >= kPiece) flush();
  }
  Status finish() {
    flush();
    if (error_ == 0 && std::fflush(to_) != 0) error_ = errno;
    if (error_ == 0) return ok_status();
    return Error{std::string("the history cannot be written: ") + std::strerror(error_)};
  }

 private:
  static constexpr size_t kPiece = 1 << 18;
  void flush() {
    if (error_ == 0 && std::fwrite(text_.data(), 1, text_.size(), to_) != text_.size()) error_ = errno;
    text_.clear();
  }
  std::FILE* to_;
  std::string text_;
  int error_ = 0;
};

std::string_view special_real(double number) {
  return std::isnan(number) ? "##NaN" : number > 0 ? "##Inf" : "##-Inf";
}

/// Whether `:text` is a keyword that any EDN reader takes.
bool is_plain_keyword(std::string_view text) {
  constexpr std::string_view kSigns = ".*+!-_?$%&=<>/'#";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
  });
}

void put_process_name(Output& out, Process process) {
  out.put("nemesis");
  if (process != kNemesis) {
    out.put('-');
    out.put_integer(-int64_t{process});
  }
}

class EdnOutput {
 public:
  explicit EdnOutput(Output& out) : out_(out) {}

  void text(std::string_view content) {
    out_.put('"');
    for (const char c : content) {
      const char* const escape = c == '"'    ? "\\\""
                                 : c == '\\' ? "\\\\"
                                 : c == '\n' ? "\\n"
                                 : c == '\r' ? "\\r"
                                 : c == '\t' ? "\\t"
                                             : nullptr;
      escape != nullptr ? out_.put(std::string_view(escape)) : out_.put(c);
    }
    out_.put('"');
  }

  void keyword(std::string_view name) {
    if (is_plain_keyword(name)) {
      out_.put(':');
      out_.put(name);
    } else {
      out_.put("#riven/keyword ");
      text(name);
    }
  }

  void value(const ValueView& v) {
    switch (v.kind()) {
      case Value::Kind::nil:
        return out_.put("nil");
      case Value::Kind::boolean:
        return out_.put(v.boolean() ? "true" : "false");
      case Value::Kind::integer:
        return out_.put_integer(v.integer());
      case Value::Kind::real:
        return std::isfinite(v.real()) ? out_.put_finite(v.real()) : out_.put(special_real(v.real()));
      case Value::Kind::string:
        return text(v.symbol().text());
      case Value::Kind::keyword:
        return keyword(v.symbol().text());
      case Value::Kind::list:
      case Value::Kind::set:
      case Value::Kind::map:
        return collection(v);
    }
  }

  void entry(const History& h, size_t i) {
    out_.put("{:index ");
    out_.put_integer(h.source_index(i));
    if (h.has_times()) {
      out_.put(", :time ");
      out_.put_integer(h.time_ns(i));
    }
    out_.put(", :process ");
    if (h.is_client(i)) {
      out_.put_integer(h.process(i));
    } else {
      out_.put(':');
      put_process_name(out_, h.process(i));
    }
    out_.put(", :type :");
    out_.put(to_text(h.type(i)));
    out_.put(", :f ");
    const std::string_view f = h.f(i).text();
    if (is_plain_keyword(f)) {
      out_.put(':');
      out_.put(f);
    } else {
      text(f);
    }
    out_.put(", :value ");
    value(h.value(i));
    if (const ValueView error = h.error(i); !error.is_nil()) {
      out_.put(", :error ");
      value(error);
    }
    out_.put('}');
    out_.end_line();
  }

 private:
  void collection(const ValueView& v) {
    if (v.is_set()) out_.put('#');
    out_.put(v.is_list() ? '[' : '{');
    size_t n = 0;
    for (const ValueView item : v) {
      if (n > 0) out_.put(v.is_map() && n % 2 == 0 ? std::string_view(", ") : std::string_view(" "));
      value(item);
      ++n;
    }
    out_.put(v.is_list() ? ']' : '}');
  }
  Output& out_;
};

class JsonOutput {
 public:
  explicit JsonOutput(Output& out) : out_(out) {}

  void text(std::string_view content) {
    out_.put('"');
    for (const char c : content) {
      if (c == '"' || c == '\\') {
        out_.put('\\');
        out_.put(c);
      } else if (static_cast<unsigned char>(c) >= 0x20) {
        out_.put(c);
      } else {
        constexpr std::string_view kDigits = "0123456789abcdef";
        out_.put("\\u00");
        out_.put(kDigits[static_cast<unsigned char>(c) >> 4]);
        out_.put(kDigits[c & 15]);
      }
    }
    out_.put('"');
  }

  void value(const ValueView& v) {
    switch (v.kind()) {
      case Value::Kind::nil:
        return out_.put("null");
      case Value::Kind::boolean:
        return out_.put(v.boolean() ? "true" : "false");
      case Value::Kind::integer:
        return out_.put_integer(v.integer());
      case Value::Kind::real:
        return std::isfinite(v.real()) ? out_.put_finite(v.real()) : text(special_real(v.real()));
      case Value::Kind::string:
      case Value::Kind::keyword:
        return text(v.symbol().text());
      case Value::Kind::list:
      case Value::Kind::set:
      case Value::Kind::map:
        return collection(v);
    }
  }

  void entry(const History& h, size_t i) {
    out_.put("{\"index\":");
    out_.put_integer(h.source_index(i));
    if (h.has_times()) {
      out_.put(",\"time\":");
      out_.put_integer(h.time_ns(i));
    }
    out_.put(",\"process\":");
    if (h.is_client(i)) {
      out_.put_integer(h.process(i));
    } else {
      out_.put('"');
      put_process_name(out_, h.process(i));
      out_.put('"');
    }
    out_.put(",\"type\":\"");
    out_.put(to_text(h.type(i)));
    out_.put("\",\"f\":");
    text(h.f(i).text());
    out_.put(",\"value\":");
    value(h.value(i));
    if (const ValueView error = h.error(i); !error.is_nil()) {
      out_.put(",\"error\":");
      value(error);
    }
    out_.put('}');
    out_.end_line();
  }

 private:
  void collection(const ValueView& v) {
    out_.put(v.is_map() ? '{' : '[');
    size_t n = 0;
    for (const ValueView item : v) {
      const bool is_key = v.is_map() && n % 2 == 0;
      if (n > 0) out_.put(v.is_map() && !is_key ? ':' : ',');
      if (is_key) {
        text(item.is_text() ? std::string(item.symbol().text()) : to_edn(item.to_value()));
      } else {
        value(item);
      }
      ++n;
    }
    out_.put(v.is_map() ? '}' : ']');
  }
  Output& out_;
};

template <typename Lines>
Status write_entries(const History& history, std::FILE* to) {
  Output out(to);
  Lines lines(out);
  for (size_t i = 0; i < history.size(); ++i) lines.entry(history, i);
  return out.finish();
}

}  // namespace

Status write_edn(const History& history, std::FILE* to) { return write_entries<EdnOutput>(history, to); }

Status write_jsonl(const History& history, std::FILE* to) { return write_entries<JsonOutput>(history, to); }

Status export_history(const History& history, const std::string& path, const std::string& format) {
  const bool edn = format == "edn" || (format.empty() && path.ends_with(".edn"));
  const bool json =
      format == "jsonl" || (format.empty() && (path.ends_with(".jsonl") || path.ends_with(".json")));
  if (!edn && !json)
    return Error{path + ": written as what? name it .edn or .jsonl, or say the format (edn or jsonl)"};
  const auto write = edn ? write_edn : write_jsonl;
  if (path == "-") return write(history, stdout);

  // A device or a pipe is written to as it stands: a rename would put a file in its place.
  struct stat there {};
  const bool in_place = ::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
  const std::string part = in_place ? path : path + ".part-" + std::to_string(::getpid());
  std::FILE* const file = std::fopen(part.c_str(), in_place ? "wbe" : "wbxe");
  if (file == nullptr) return Error{path + ": cannot be created: " + std::strerror(errno)};
  Status status = write(history, file);
  if (std::fclose(file) != 0 && status)
    status = Error{"the history cannot be written: " + std::string(std::strerror(errno))};
  if (status && !in_place && std::rename(part.c_str(), path.c_str()) != 0)
    status = Error{std::strerror(errno)};
  if (status) return ok_status();
  if (!in_place) ::unlink(part.c_str());
  return Error{path + ": " + status.error().message};
}

}  // namespace riven
