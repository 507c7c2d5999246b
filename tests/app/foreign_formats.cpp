#include "tests/app/foreign_formats.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>

#include "harness/history/journal.h"
#include "harness/history/writer.h"
#include "tests/byte_order.h"
#include "tests/catch.h"

namespace riven::test {

namespace {

struct Mop {
  char kind;  // 'w', 'a' or 'r'
  int key;
  bool nil;
  bool list;
  std::vector<int> values;
};

std::vector<Mop> parsed(const std::string& text, bool lists) {
  std::vector<Mop> out;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    Mop mop{word[0], std::stoi(word.substr(1, equals - 1)), false, lists && word[0] == 'r', {}};
    std::istringstream values(word.substr(equals + 1));
    for (std::string value; std::getline(values, value, ',');) {
      if (value == "nil")
        mop.nil = true;
      else
        mop.values.push_back(std::stoi(value));
    }
    out.push_back(mop);
  }
  return out;
}

bool of_lists(const Txns& txns) {
  return std::any_of(txns.begin(), txns.end(),
                     [](const Txn& t) { return t.mops.find('a') != std::string::npos; });
}

Value value_of(const Mop& mop, bool result) {
  const char* const word = mop.kind == 'a' ? "append" : mop.kind == 'w' ? "w" : "r";
  Value value;
  if (mop.list && result) {
    Value::List list;
    for (const int v : mop.values) list.emplace_back(v);
    value = Value(std::move(list));
  } else if (!mop.nil && (mop.kind != 'r' || result)) {
    value = Value(mop.values.at(0));
  }
  return Value(Value::List{Value::keyword(word), Value(mop.key), value});
}

void spew(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::string> lines_of(const History& history, Status (*write)(const History&, std::FILE*)) {
  char* bytes = nullptr;
  size_t size = 0;
  std::FILE* const file = ::open_memstream(&bytes, &size);
  REQUIRE(write(history, file));
  std::fclose(file);
  std::istringstream text(std::string(bytes, size));
  std::free(bytes);
  std::vector<std::string> out;
  for (std::string line; std::getline(text, line);) out.push_back(line);
  return out;
}

std::string joined(const std::vector<std::string>& lines, const std::string& before,
                   const std::string& between) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : between) + before + line;
  return out;
}

using test::big;
using test::little;

/// In the order of each session.
std::map<int, Txns> by_session(const Txns& txns) {
  std::map<int, Txns> out;
  for (const Txn& t : txns) out[t.session].push_back(t);
  return out;
}
int shown(const Mop& mop) { return mop.nil ? 0 : mop.values.at(0); }

std::string plume_of(const Txns& txns) {
  std::string out;
  int number = 0;
  for (const auto& [session, transactions] : by_session(txns))
    for (const Txn& t : transactions) {
      ++number;
      for (const Mop& mop : parsed(t.mops, false)) {
        if (t.type == OpType::fail && mop.kind == 'r') continue;
        out += std::string(1, mop.kind) + "(" + std::to_string(mop.key) + "," + std::to_string(shown(mop)) +
               "," + std::to_string(session) + "," + std::to_string(t.type == OpType::fail ? -1 : number) +
               ")\n";
      }
    }
  return out;
}

std::string awdit_of(const Txns& txns) {
  std::string out;
  for (const auto& [session, transactions] : by_session(txns)) {
    if (!out.empty()) out += "====\n";
    for (size_t i = 0; i < transactions.size(); ++i) {
      if (i > 0) out += "--\n";
      for (const Mop& mop : parsed(transactions[i].mops, false))
        out += std::string(1, mop.kind) + " " + std::to_string(mop.key) + " " + std::to_string(shown(mop)) +
               "\n";
    }
  }
  return out;
}

std::string dbcop_of(const Txns& txns) {
  std::string out;
  for (uint64_t n = 1; n <= 5; ++n) out += little(n);
  for (int text = 0; text < 3; ++text) out += little(2) + "no";
  const auto sessions = by_session(txns);
  out += little(sessions.size());
  for (const auto& [session, transactions] : sessions) {
    out += little(transactions.size());
    for (const Txn& t : transactions) {
      const std::vector<Mop> mops = parsed(t.mops, false);
      out += little(mops.size());
      for (const Mop& mop : mops)
        out += std::string(1, mop.kind == 'w' ? '\1' : '\0') + little(static_cast<uint64_t>(mop.key)) +
               little(static_cast<uint64_t>(shown(mop))) + '\1';
      out += t.type == OpType::fail ? '\0' : '\1';
    }
  }
  return out;
}

void write_cobra(const Txns& txns, const std::string& folder) {
  std::filesystem::create_directory(folder);
  uint64_t number = 0;
  for (const auto& [session, transactions] : by_session(txns)) {
    std::string log;
    for (const Txn& t : transactions) {
      log += "S" + big(++number);
      for (const Mop& mop : parsed(t.mops, false)) {
        const uint64_t id = mop.nil ? 0xbebeebee : static_cast<uint64_t>(shown(mop));
        log += mop.kind == 'w' ? "W" + big(id) : "R" + big(1) + big(id);
        log += big(static_cast<uint64_t>(mop.key)) + big(0);
      }
      log += (t.type == OpType::fail ? "A" : "C") + big(number);
    }
    spew(folder + "/T" + std::to_string(session) + ".log", log);
  }
}

}  // namespace

History history_of(const Txns& txns) {
  std::vector<std::tuple<int, bool, const Txn*>> entries;
  for (const Txn& t : txns) {
    entries.emplace_back(t.invoked, false, &t);
    entries.emplace_back(t.returned, true, &t);
  }
  std::sort(entries.begin(), entries.end());
  const bool lists = of_lists(txns);
  HistoryBuilder builder;
  for (const auto& [time, returns, t] : entries) {
    Value::List value;
    for (const Mop& mop : parsed(t->mops, lists))
      value.push_back(value_of(mop, returns && t->type == OpType::ok));
    builder.append({.index = -1,
                    .time_ns = time * 1'000'000,
                    .process = t->session,
                    .type = returns ? t->type : OpType::invoke,
                    .f = Symbol("txn"),
                    .value = Value(std::move(value)),
                    .error = {}});
  }
  auto history = builder.finish();
  REQUIRE(history);
  return std::move(*history);
}

std::vector<Written> write_with_times(const Txns& txns, const std::string& folder) {
  const History history = history_of(txns);
  const std::vector<std::string> edn = lines_of(history, write_edn);
  const std::vector<std::string> json = lines_of(history, write_jsonl);
  std::vector<Written> out;
  const auto add = [&](const std::string& name) {
    out.push_back({name, folder + "/" + name});
    return out.back().path;
  };
  auto journal = JournalWriter::open(add("journal.riven"), {});
  REQUIRE(journal);
  for (size_t i = 0; i < history.size(); ++i) REQUIRE((*journal)->append(history.op(i)));
  REQUIRE((*journal)->close());
  spew(add("plain.edn"), joined(edn, "", "\n"));
  spew(add("tagged.edn"), joined(edn, "#jepsen.history.Op", "\n"));
  spew(add("vector.edn"), "[" + joined(edn, "", ",\n") + "]");
  spew(add("elle.json"), "[" + joined(json, "", ",\n") + "]");
  spew(add("lines.jsonl"), joined(json, "", "\n"));
  return out;
}

std::vector<Written> write_by_session(const Txns& txns, const std::string& folder) {
  spew(folder + "/plume.txt", plume_of(txns));
  spew(folder + "/history.bincode", dbcop_of(txns));
  write_cobra(txns, folder + "/cobra");
  spew(folder + "/awdit.txt", awdit_of(txns));
  return {{"plume", folder + "/plume.txt", false},
          {"dbcop", folder + "/history.bincode", false},
          {"cobra", folder + "/cobra", false},
          {"awdit", folder + "/awdit.txt", false, false}};
}

}  // namespace riven::test
