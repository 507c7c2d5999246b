#include "harness/history/journal.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "harness/history/journal_block.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

namespace {

std::string write_journal(const std::string& path, const std::vector<Op>& ops, JournalOptions options = {}) {
  auto writer = JournalWriter::open(path, {.metadata = {{"seed", 42}, {"name", "x"}}}, options);
  REQUIRE(writer);
  for (const Op& op : ops) REQUIRE((*writer)->append(op));
  REQUIRE((*writer)->close());
  return slurp(path);
}

bool mentions(const std::vector<std::string>& warnings, const std::string& what) {
  for (const std::string& warning : warnings) {
    if (warning.find(what) != std::string::npos) return true;
  }
  return false;
}

/// The entries of `ops` that lie within intact blocks of the damaged journal, found independently of the
/// reader: a block is intact when its bytes are those of the whole journal.
std::vector<bool> intact_entries(const std::string& whole, const std::string& damaged, size_t n) {
  std::vector<bool> intact(n, false);
  for (size_t at = journal::kFileHeaderBytes; at < whole.size();) {
    const auto header = journal::parse_block_header(std::string_view(whole).substr(at));
    REQUIRE(header);
    const size_t size = journal::kBlockHeaderBytes + header->stored_bytes;
    const bool same = damaged.size() >= at + size && damaged.compare(at, size, whole, at, size) == 0;
    for (size_t i = 0; same && i < header->entries; ++i) intact[header->first_entry + i] = true;
    at += size;
  }
  return intact;
}

/// Every intact entry is there (but for completions whose invocation is lost), and nothing else.
void require_intact_part(const std::vector<Op>& ops, const std::vector<bool>& intact,
                         const ReadHistory& read) {
  size_t expected = 0;
  for (const bool here : intact) expected += here ? 1 : 0;
  size_t found = 0;
  for (size_t i = 0; i < read.history.size(); ++i) {
    const Op op = read.history.op(i);
    const auto index = static_cast<size_t>(op.index);
    if (index >= ops.size() || !intact[index] || !same(op, ops[index]))
      FAIL("entry " << i << " is not as written");
    ++found;
  }
  // The orphans: completions behind a hole before which their process was still busy, at most one a thread a
  // hole.
  REQUIRE(found <= expected);
  size_t holes = 0;
  for (size_t i = 1; i < intact.size(); ++i) holes += intact[i] && !intact[i - 1] ? 1 : 0;
  holes += !intact.empty() && !intact[0] ? 1 : 0;
  constexpr size_t kThreads = 6;
  REQUIRE(expected - found <= holes * kThreads);
  if (expected != intact.size()) REQUIRE(!read.warnings.empty());
}

}  // namespace

TEST_CASE("a journal comes back exactly, metadata and all") {
  const Scratch scratch;
  for (const uint64_t seed : {1U, 2U, 3U}) {
    const auto ops = random_ops(seed, 5000, 6, 3);
    const std::string path = scratch.file("h" + std::to_string(seed));
    write_journal(path, ops, {.block_entries = 777});
    const auto read = read_history(path);
    REQUIRE(read);
    CHECK(read->warnings.empty());
    CHECK(read->extent == Extent::whole);
    CHECK(read->format == Format::riven);
    CHECK(read->metadata["seed"] == 42);
    CHECK(first_difference(build(ops), read->history) == -1);
  }
}

TEST_CASE("indices that are not positions and extreme numbers survive the journal") {
  const Scratch scratch;
  std::vector<Op> ops;
  for (int i = 0; i < 10; ++i) {
    Op op;
    op.index = i < 5 ? i : 1000 + i * 7;
    op.time_ns = i % 2 == 0 ? INT64_MAX : INT64_MIN;
    op.process = i < 2 ? INT32_MAX : -7 - i;
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol("f");
    op.value = Value(i % 3 == 0 ? INT64_MIN : INT64_MAX);
    ops.push_back(op);
  }
  write_journal(scratch.file("h"), ops);
  const auto read = read_history(scratch.file("h"));
  REQUIRE(read);
  REQUIRE(read->history.size() == ops.size());
  for (size_t i = 0; i < ops.size(); ++i) CHECK(same(read->history.op(i), ops[i]));
}

TEST_CASE("a value nested too deep for the reader is kept as its text") {
  const Scratch scratch;
  Value deep(7);
  for (int i = 0; i < 100; ++i) deep = Value(Value::List{deep});
  Op op;
  op.f = Symbol("write");
  op.value = deep;
  write_journal(scratch.file("h"), {op});
  const auto read = read_history(scratch.file("h"));
  REQUIRE(read);
  CHECK(read->warnings.empty());
  CHECK(read->history.op(0).value == Value(to_edn(deep)));
}

TEST_CASE("a register entry takes at most 16 bytes") {
  const Scratch scratch;
  Rng rng(5);
  std::vector<Op> ops;
  int64_t time = 0;
  for (int i = 0; i < 100000; ++i) {
    Op op;
    op.time_ns = time += rng.between(500, 100000);
    op.process = static_cast<Process>(i / 2 % 20);
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol(i % 4 < 2 ? "read" : "write");
    op.value = Value(Value::List{Value(i / 1000), i % 4 == 0 ? Value() : Value(rng.between(0, 1 << 20))});
    ops.push_back(op);
  }
  const std::string bytes = write_journal(scratch.file("h"), ops);
  CHECK(bytes.size() <= ops.size() * 16);
}

TEST_CASE("a journal cut short at any byte gives every intact block and says what is missing") {
  const Scratch scratch;
  const auto ops = random_ops(11, 3000, 6, 2);
  const std::string whole = write_journal(scratch.file("h"), ops, {.block_entries = 100});
  Rng rng(99);
  for (int round = 0; round < 1000; ++round) {
    const std::string cut = whole.substr(0, rng.below(whole.size()));
    const auto read = read_history_bytes(cut, "cut", {.format = Format::riven});
    const auto intact = intact_entries(whole, cut, ops.size());
    if (!read) {
      CHECK(std::find(intact.begin(), intact.end(), true) == intact.end());
      continue;
    }
    require_intact_part(ops, intact, *read);
    CHECK(mentions(read->warnings, "never closed"));
    CHECK(read->extent == Extent::beginning);
  }
}

TEST_CASE("a journal with a flipped bit or byte anywhere gives every intact block and names the loss") {
  const Scratch scratch;
  const auto ops = random_ops(12, 3000, 6, 2);
  const std::string whole = write_journal(scratch.file("h"), ops, {.block_entries = 100});
  Rng rng(100);
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = whole;
    const size_t at = rng.below(whole.size());
    const auto flip = static_cast<unsigned char>(round % 2 == 0 ? 1U << rng.below(8) : 1 + rng.below(255));
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
    const auto read = read_history_bytes(damaged, "damaged");
    REQUIRE(read);
    const auto intact = intact_entries(whole, damaged, ops.size());
    require_intact_part(ops, intact, *read);
    if (at >= journal::kFileHeaderBytes) CHECK(!read->warnings.empty());
    const auto lost = std::find(intact.begin(), intact.end(), false);
    const bool more_behind = std::find(lost, intact.end(), true) != intact.end();
    if (more_behind) CHECK(read->extent == Extent::parts);
    if (lost != intact.end()) CHECK(read->extent != Extent::whole);
  }
}

TEST_CASE("the lost entries of a damaged block are counted") {
  const Scratch scratch;
  const auto ops = random_ops(13, 1000, 6, 1);
  std::string bytes = write_journal(scratch.file("h"), ops, {.block_entries = 100});
  size_t at = journal::kFileHeaderBytes;
  for (int block = 0; block < 4; ++block)
    at += journal::kBlockHeaderBytes +
          journal::parse_block_header(std::string_view(bytes).substr(at))->stored_bytes;
  bytes[at + journal::kBlockHeaderBytes + 5] ^= 1;  // in the fourth block of entries
  const auto read = read_history_bytes(bytes, "h.riven");
  REQUIRE(read);
  CHECK(mentions(read->warnings, "100 entries are lost (300 to 399)"));
  CHECK(mentions(read->warnings, "bytes " + std::to_string(at) + " to "));
}

TEST_CASE("a block taken out of the middle is noticed") {
  const Scratch scratch;
  const auto ops = random_ops(14, 500, 6, 1);
  std::string bytes = write_journal(scratch.file("h"), ops, {.block_entries = 100});
  const size_t first =
      journal::kFileHeaderBytes + journal::kBlockHeaderBytes +
      journal::parse_block_header(std::string_view(bytes).substr(journal::kFileHeaderBytes))->stored_bytes;
  const auto header = journal::parse_block_header(std::string_view(bytes).substr(first));
  bytes.erase(first, journal::kBlockHeaderBytes + header->stored_bytes);
  const auto read = read_history_bytes(bytes, "h");
  REQUIRE(read);
  CHECK(mentions(read->warnings, "100 entries are lost (0 to 99)"));
  CHECK(read->extent == Extent::parts);
  CHECK(read->history.source_index(0) >= 100);
}

TEST_CASE("a writer that is killed leaves a readable journal") {
  const Scratch scratch;
  const std::string path = scratch.file("h");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto writer = JournalWriter::open(path, {}, {.sync_interval_ms = 5, .block_entries = 50});
    for (int64_t i = 0; writer; ++i) {
      Op op;
      op.time_ns = i;
      op.process = static_cast<Process>(i / 2);
      op.type = i % 2 == 0 ? OpType::invoke : OpType::info;
      op.f = Symbol("write");
      op.value = Value(i);
      if (!(*writer)->append(op)) break;
      if (i == 1000) {
        static_cast<void>((*writer)->flush());
        [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
      }
    }
    ::_exit(1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(::kill(child, SIGKILL) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  REQUIRE(WIFSIGNALED(status));

  const auto read = read_history(path);
  REQUIRE(read);
  CHECK(mentions(read->warnings, "never closed"));
  REQUIRE(read->history.size() > 1000);
  for (size_t i = 0; i < read->history.size(); ++i)
    REQUIRE(read->history.value(i).integer() == static_cast<int64_t>(i));
}

TEST_CASE("entries are on the disk soon without any call, and all of them after flush") {
  const Scratch scratch;
  const std::string path = scratch.file("h");
  auto writer = JournalWriter::open(path, {});
  REQUIRE(writer);
  Op op;
  op.f = Symbol("read");
  REQUIRE((*writer)->append(op));
  size_t seen = 0;
  for (int tries = 0; tries < 200 && seen == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    seen = read_history(path)->history.size();
  }
  CHECK(seen == 1);
  op.process = 1;
  REQUIRE((*writer)->append(op));
  REQUIRE((*writer)->flush());
  CHECK(read_history(path)->history.size() == 2);
  REQUIRE((*writer)->close());
  CHECK(read_history(path)->warnings.empty());
  CHECK(!(*writer)->append(op));
}

TEST_CASE("a full disk is reported by append and the history before it stays readable") {
  const Scratch scratch;
  const std::string path = scratch.file("h");
  const pid_t child = ::fork();  // the limit is the process's: keep it out of this one
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20000, 20000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = JournalWriter::open(path, {}, {.sync_interval_ms = 2, .block_entries = 100});
    if (!writer) ::_exit(2);
    Rng rng(1);
    for (int64_t i = 0; i < 1000000; ++i) {
      Op op;
      op.process = static_cast<Process>(i);
      op.f = Symbol("write");
      op.value = Value(static_cast<int64_t>(rng.next()));
      if (const Status status = (*writer)->append(op); !status) {
        const bool clear = status.error().message.find("cannot be written") != std::string::npos;
        ::_exit(clear && !(*writer)->flush() && !(*writer)->close() ? 0 : 3);
      }
    }
    ::_exit(4);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  const auto read = read_history(path);
  REQUIRE(read);
  CHECK(read->history.size() >= 100);
  CHECK(read->warnings.size() == 1);  // not closed; no damage
}

TEST_CASE("a journal is never overwritten") {
  const Scratch scratch;
  write_journal(scratch.file("h"), {});
  CHECK(!JournalWriter::open(scratch.file("h"), {}));
  CHECK(!JournalWriter::open(scratch.file("no/such/folder"), {}));
}

TEST_CASE("a journal with false sizes in its headers sets nothing aside for them") {
  const std::string head = std::string(journal::kFileMagic) + std::string("\1\0\0\0\0\0\0\0", 8);
  std::vector<uint8_t> bytes(head.begin(), head.end());
  // The header is whole and well hashed, but the payload holds no 60 million entries.
  std::vector<uint8_t> raw(size_t{240} << 20, 0);
  journal::put_block(bytes, journal::entries, 60U << 20, 0, raw);
  const auto read = read_history_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "liar");
  CHECK(!read);
}

TEST_CASE("entries come from several threads in one order") {
  const Scratch scratch;
  auto writer = JournalWriter::open(scratch.file("h"), {}, {.block_entries = 64});
  REQUIRE(writer);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Op op;
      op.process = t;
      op.f = Symbol("write");
      for (int i = 0; i < 1000; ++i) {
        op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
        op.value = Value(i);
        if (!(*writer)->append(op)) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE((*writer)->close());
  const auto read = read_history(scratch.file("h"));
  REQUIRE(read);
  REQUIRE(read->history.size() == 4000);
  std::vector<int64_t> next(4, 0);
  for (size_t i = 0; i < 4000; ++i)
    REQUIRE(read->history.value(i).integer() == next[static_cast<size_t>(read->history.process(i))]++);
}
