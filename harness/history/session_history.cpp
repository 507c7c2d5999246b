#include "harness/history/session_history.h"

#include <algorithm>
#include <unordered_set>

namespace riven::reading {

void SessionHistory::session(int64_t name) {
  const auto [at, is_new] = names_.try_emplace(name, sessions_.size());
  if (is_new) sessions_.emplace_back();
  current_ = at->second;
}

void SessionHistory::add(SessionTransaction transaction) {
  if (sessions_.empty()) session(0);
  if (!transaction.mops.empty()) sessions_[current_].push_back(std::move(transaction));
}

void SessionHistory::zero_is_initial(bool even_if_written) {
  std::unordered_set<int64_t> written;
  for (const auto& transactions : sessions_) {
    for (const SessionTransaction& transaction : transactions) {
      if (transaction.end == OpType::fail) continue;
      for (const SessionMop& mop : transaction.mops) {
        if (mop.is_write && mop.value == 0) written.insert(mop.key);
      }
    }
  }
  initial_written_ = even_if_written && !written.empty();
  for (auto& transactions : sessions_) {
    for (SessionTransaction& transaction : transactions) {
      for (SessionMop& mop : transaction.mops)
        mop.is_initial = mop.is_initial || (!mop.is_write && mop.value == 0 && !written.contains(mop.key));
    }
  }
}

Result<ReadHistory> SessionHistory::finish(const Source& source, Format format,
                                           std::vector<std::string> warnings, bool cut) {
  const Symbol txn("txn");
  const Symbol read("r");
  const Symbol write("w");
  HistoryBuilder builder;
  const auto entry = [&](size_t session, OpType type, const SessionTransaction& transaction) {
    builder.begin(static_cast<int64_t>(builder.size()), static_cast<Process>(session), type, txn);
    ValueWriter& out = builder.value();
    out.begin_list();
    for (const SessionMop& mop : transaction.mops) {
      out.begin_list();
      out.keyword(mop.is_write ? write : read);
      out.integer(mop.key);
      const bool known = mop.is_write || (type == OpType::ok && !mop.is_initial);
      known ? out.integer(mop.value) : out.nil();
      out.end();
    }
    out.end();
    builder.commit();
  };
  size_t longest = 0;
  for (const auto& transactions : sessions_) longest = std::max(longest, transactions.size());
  for (size_t rank = 0; rank < longest; ++rank) {
    for (size_t s = 0; s < sessions_.size(); ++s) {
      if (rank < sessions_[s].size()) entry(s, OpType::invoke, sessions_[s][rank]);
    }
    for (size_t s = 0; s < sessions_.size(); ++s) {
      if (rank < sessions_[s].size()) entry(s, sessions_[s][rank].end, sessions_[s][rank]);
    }
  }
  if (builder.size() == 0)
    return Error{source.name + ": no transaction in it (read as " + std::string(to_text(format)) +
                 "): is it another format? say which with --format (" + format_names() + ")"};
  builder.no_times();
  auto result = reading::finish(builder, source, HistoryBuilder::Pairing::lenient);
  if (!result) return result;
  result->format = format;
  if (cut) result->extent = Extent::parts;
  result->warnings = std::move(warnings);
  result->metadata = Json{{"no_realtime", true}};
  if (initial_written_) {
    result->metadata["initial_written"] = true;
    result->warnings.push_back(source.name +
                               ": 0 is the initial value and is written, too: a read of 0 may be of either");
  }
  return result;
}

}  // namespace riven::reading
