#include "harness/history/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "harness/history/journal_block.h"

namespace riven {

using journal::BlockEncoder;
using journal::Staging;

namespace {

constexpr size_t kMaxWaitingBlocks = 32;

std::string describe(int error) { return std::string(std::strerror(error)); }

/// Writes all of `bytes`; returns 0 or errno.
int write_all(int fd, const std::vector<uint8_t>& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    done += static_cast<size_t>(written);
  }
  return 0;
}

/// Makes the new name in the directory durable. Best effort: some file systems refuse it.
void sync_directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

struct JournalWriter::State {
  std::string path;
  JournalOptions options;
  int fd = -1;
  off_t intact_bytes = 0;  ///< the file up to here is whole blocks; the writer thread's own

  std::mutex mutex;
  std::condition_variable work;  ///< something for the thread to do at once
  std::condition_variable done;  ///< the thread got on
  std::unique_ptr<Staging> current = std::make_unique<Staging>();
  std::deque<std::unique_ptr<Staging>> full;
  std::vector<std::unique_ptr<Staging>> spare;
  uint64_t appended = 0;
  uint64_t durable = 0;
  uint64_t flush_wanted = 0;  ///< flush() waits for this many entries
  bool closing = false;
  bool closed = false;
  std::string error;
  std::thread thread;

  Status status() const { return error.empty() ? ok_status() : Status(Error{error}); }
  void fail(const std::string& what, int code) {
    error = path + ": the journal cannot be " + what + " (" + describe(code) +
            "): free space or choose another disk; what was written before is kept";
  }
  int write_block(journal::BlockKind kind, uint32_t entries, uint64_t first, const std::vector<uint8_t>& raw);
  void close_current();
  void run();
  int write_batch(std::vector<std::unique_ptr<Staging>>& batch, BlockEncoder& encoder);
};

int JournalWriter::State::write_block(journal::BlockKind kind, uint32_t entries, uint64_t first,
                                      const std::vector<uint8_t>& raw) {
  std::vector<uint8_t> bytes;
  journal::put_block(bytes, kind, entries, first, raw);
  const int code = write_all(fd, bytes);
  if (code != 0) {
    // A block cut short would be read as damage: end with the last whole one. If even that fails, the reader
    // copes.
    [[maybe_unused]] const int ignored = ::ftruncate(fd, intact_bytes);
    return code;
  }
  intact_bytes += static_cast<off_t>(bytes.size());
  return 0;
}

/// Puts the current block into the queue. Demands the lock.
void JournalWriter::State::close_current() {
  const uint64_t next = current->first_entry + current->size();
  full.push_back(std::move(current));
  if (spare.empty()) {
    current = std::make_unique<Staging>();
  } else {
    current = std::move(spare.back());
    spare.pop_back();
  }
  current->first_entry = next;
}

int JournalWriter::State::write_batch(std::vector<std::unique_ptr<Staging>>& batch, BlockEncoder& encoder) {
  std::vector<uint8_t> raw;
  for (const auto& block : batch) {
    encoder.encode(*block, raw);
    const int code =
        write_block(journal::entries, static_cast<uint32_t>(block->size()), block->first_entry, raw);
    if (code != 0) return code;
  }
  return 0;
}

void JournalWriter::State::run() {
  BlockEncoder encoder;
  const auto interval = std::chrono::milliseconds(options.sync_interval_ms);
  auto next_sync = std::chrono::steady_clock::now() + interval;
  uint64_t written = 0;
  std::unique_lock lock(mutex);
  while (true) {
    work.wait_until(lock, next_sync, [&] { return closing || !full.empty() || flush_wanted > durable; });
    const bool sync = closing || flush_wanted > durable || std::chrono::steady_clock::now() >= next_sync;
    if (sync && current->size() > 0) close_current();
    std::vector<std::unique_ptr<Staging>> batch;
    std::move(full.begin(), full.end(), std::back_inserter(batch));
    full.clear();
    const bool last = closing;
    lock.unlock();

    int code = write_batch(batch, encoder);
    const bool failed_to_write = code != 0;
    for (const auto& block : batch) written += block->size();
    if (code == 0 && last) code = write_block(journal::end, 0, written, {});
    if (code == 0 && sync && (last || written > durable) && ::fdatasync(fd) != 0) code = errno;
    if (sync) next_sync = std::chrono::steady_clock::now() + interval;

    lock.lock();
    if (code != 0) fail(failed_to_write ? "written" : "synced", code);
    if (sync && code == 0) durable = written;
    for (auto& block : batch) {
      block->clear();
      spare.push_back(std::move(block));
    }
    done.notify_all();
    if (last || code != 0) return;
  }
}

JournalWriter::JournalWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

JournalWriter::~JournalWriter() { static_cast<void>(close()); }

Result<std::unique_ptr<JournalWriter>> JournalWriter::open(const std::string& path,
                                                           const JournalHeader& header,
                                                           const JournalOptions& options) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->options = options;
  state->fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (state->fd < 0) {
    if (errno == EEXIST) return Error{path + ": a journal is never overwritten: choose another name"};
    return Error{path + ": cannot create the journal: " + describe(errno)};
  }
  std::vector<uint8_t> head(journal::kFileMagic.begin(), journal::kFileMagic.end());
  head.resize(journal::kFileHeaderBytes, 0);
  head[journal::kFileMagic.size()] = static_cast<uint8_t>(journal::kVersion);
  const std::string text = header.metadata.dump();
  int code = write_all(state->fd, head);
  state->intact_bytes = static_cast<off_t>(head.size());
  if (code == 0)
    code = state->write_block(journal::metadata, 0, 0, std::vector<uint8_t>(text.begin(), text.end()));
  if (code == 0 && ::fdatasync(state->fd) != 0) code = errno;
  if (code != 0) {
    ::close(state->fd);
    return Error{path + ": cannot write the journal: " + describe(code)};
  }
  sync_directory_of(path);
  State* const s = state.get();
  s->thread = std::thread([s] { s->run(); });
  return std::unique_ptr<JournalWriter>(new JournalWriter(std::move(state)));
}

Status JournalWriter::append(const Op& op) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (s.closing) return Error{s.path + ": an entry was appended to a closed journal"};
  if (s.full.size() >= kMaxWaitingBlocks)
    s.done.wait(lock, [&] { return s.full.size() < kMaxWaitingBlocks || !s.error.empty(); });
  if (!s.error.empty()) return s.status();
  s.current->add(op);
  ++s.appended;
  if (s.current->size() >= s.options.block_entries || s.current->bytes() >= s.options.block_bytes) {
    s.close_current();
    s.work.notify_one();
  }
  return ok_status();
}

Status JournalWriter::flush() {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  const uint64_t wanted = s.appended;
  s.flush_wanted = std::max(s.flush_wanted, wanted);
  s.work.notify_one();
  s.done.wait(lock, [&] { return s.durable >= wanted || !s.error.empty() || s.closed; });
  return s.status();
}

Status JournalWriter::close() {
  State& s = *state_;
  {
    const std::unique_lock lock(s.mutex);
    if (s.closing) return s.status();
    s.closing = true;
    s.work.notify_one();
  }
  s.thread.join();
  const std::unique_lock lock(s.mutex);
  if (::close(s.fd) != 0 && s.error.empty()) s.fail("closed", errno);
  s.closed = true;
  s.done.notify_all();
  return s.status();
}

}  // namespace riven
