// Two texts of sessions.
// Plume, PolySI and IsoVista: "r(key,value,session,txn)" or "w(...)" a line. Value 0 is the initial version;
// transactions of a session are in the order of their first lines; txn -1 on a write is an aborted one
// (AWDIT). AWDIT's tests: "r K V" or "w K V" a line; a line of '-' ends a transaction, a line of '=' a
// session; 0 is the initial version of keys to which nobody wrote it.
#include <algorithm>
#include <array>
#include <charconv>

#include "harness/history/session_history.h"

namespace riven::reading {

namespace {

/// The numbers of `text`, which must be exactly so many, separated by `separator`.
template <size_t N>
bool parse_numbers(std::string_view text, char separator, std::array<int64_t, N>& out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (size_t i = 0; i < N; ++i) {
    if (i > 0 && (at == end || *at++ != separator)) return false;
    const auto [stop, code] = std::from_chars(at, end, out[i]);
    if (code != std::errc()) return false;
    at = stop;
  }
  return at == end;
}

std::string_view trim(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

/// Calls fn(line, whether it is the last) with each line that is not blank, until it returns false; the
/// number of that line, or 0.
template <typename Fn>
size_t each_line(std::string_view text, Fn&& fn) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const bool last = end == text.size();
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && !fn(line, last)) return number;
  }
  return 0;
}

struct PlumeLine {
  SessionMop mop;
  int64_t session;
  int64_t txn;
};

bool parse_plume(std::string_view line, PlumeLine& out) {
  std::array<int64_t, 4> numbers{};
  if (line.size() < 3 || (line[0] != 'r' && line[0] != 'w') || line[1] != '(' || line.back() != ')' ||
      !parse_numbers(line.substr(2, line.size() - 3), ',', numbers))
    return false;
  out.mop = {.is_write = line[0] == 'w', .key = numbers[0], .value = numbers[1]};
  out.session = numbers[2];
  out.txn = numbers[3];
  return true;
}

std::string cut_warning(const Source& source) {
  return source.name + ": the last line is cut short, and left out: the writer seems to have crashed";
}

}  // namespace

Result<ReadHistory> read_plume(const Source& source) {
  std::vector<PlumeLine> lines;
  std::vector<std::string> warnings;
  const size_t bad = each_line(source.bytes, [&](std::string_view line, bool last) {
    PlumeLine parsed;
    if (parse_plume(line, parsed)) {
      lines.push_back(parsed);
    } else if (last && line.back() != ')') {
      warnings.push_back(cut_warning(source));
    } else {
      return false;
    }
    return true;
  });
  if (bad > 0)
    return Error{source.name + ": line " + std::to_string(bad) +
                 ": neither r(key,value,session,txn) nor w(key,value,session,txn)"};

  struct Group {
    int64_t session;
    SessionTransaction transaction;
  };
  std::vector<Group> groups;
  std::unordered_map<int64_t, size_t> by_txn;
  for (const PlumeLine& line : lines) {
    if (line.txn == -1) {  // an aborted write: a transaction of its own
      groups.push_back({line.session, {.end = OpType::fail, .mops = {line.mop}}});
      continue;
    }
    const auto [at, is_new] = by_txn.try_emplace(line.txn, groups.size());
    if (is_new) groups.push_back({line.session, {}});
    Group& group = groups[at->second];
    if (group.session != line.session)
      return Error{source.name + ": transaction " + std::to_string(line.txn) + " is in session " +
                   std::to_string(group.session) + " and in session " + std::to_string(line.session) +
                   ": transaction numbers must be unique"};
    group.transaction.mops.push_back(line.mop);
  }
  SessionHistory history;
  for (Group& group : groups) {
    history.session(group.session);
    history.add(std::move(group.transaction));
  }
  history.zero_is_initial(/*even_if_written=*/true);
  const bool cut = !warnings.empty();
  return history.finish(source, Format::plume, std::move(warnings), cut);
}

Result<ReadHistory> read_awdit(const Source& source) {
  SessionHistory history;
  SessionTransaction current;
  std::vector<std::string> warnings;
  int64_t session = 0;
  history.session(session);
  const auto end_transaction = [&] {
    history.add(std::move(current));
    current = {};
  };
  const size_t bad = each_line(source.bytes, [&](std::string_view line, bool last) {
    if (line.find_first_not_of('-') == std::string_view::npos) {
      end_transaction();
    } else if (line.find_first_not_of('=') == std::string_view::npos) {
      end_transaction();
      history.session(++session);
    } else if (std::array<int64_t, 2> numbers{}; line.size() > 2 && (line[0] == 'r' || line[0] == 'w') &&
                                                 line[1] == ' ' &&
                                                 parse_numbers(line.substr(2), ' ', numbers)) {
      current.mops.push_back({.is_write = line[0] == 'w', .key = numbers[0], .value = numbers[1]});
    } else if (last && (line[0] == 'r' || line[0] == 'w')) {
      warnings.push_back(cut_warning(source));
    } else {
      return false;
    }
    return true;
  });
  if (bad > 0)
    return Error{source.name + ": line " + std::to_string(bad) +
                 ": neither \"r K V\" nor \"w K V\" nor a line of - or ="};
  end_transaction();
  history.zero_is_initial(/*even_if_written=*/false);
  const bool cut = !warnings.empty();
  return history.finish(source, Format::awdit, std::move(warnings), cut);
}

}  // namespace riven::reading
