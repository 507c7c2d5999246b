#include "harness/control/sftp.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <random>
#include <system_error>

namespace riven {
namespace {

using Kind = SessionError::Kind;
using Clock = std::chrono::steady_clock;

enum PacketType : uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kFsetstat = 10,
  kRemove = 13,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kExtended = 200,
};
constexpr uint32_t kOpenRead = 0x01;
constexpr uint32_t kOpenWrite = 0x02;
constexpr uint32_t kOpenCreate = 0x08;
constexpr uint32_t kOpenExclusive = 0x20;
constexpr uint32_t kAttributePermissions = 0x04;
constexpr uint32_t kStatusOk = 0;
constexpr uint32_t kStatusEof = 1;

// The sizes that every server takes (section 3), and enough of them under way to fill a network.
constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kMaxUnderWay = 32;
constexpr size_t kMaxPacketBytes = 256 * 1024;

void put_u32(std::string& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(value >> shift);
}
void put_u64(std::string& to, uint64_t value) {
  put_u32(to, static_cast<uint32_t>(value >> 32));
  put_u32(to, static_cast<uint32_t>(value));
}
void put_string(std::string& to, std::string_view text) {
  put_u32(to, static_cast<uint32_t>(text.size()));
  to += text;
}
uint32_t u32_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}
// Takes a string off the front; false when there is none.
bool take_string(std::string_view& bytes, std::string_view& text) {
  if (bytes.size() < 4) return false;
  const size_t size = u32_at(bytes, 0);
  if (bytes.size() - 4 < size) return false;
  text = bytes.substr(4, size);
  bytes.remove_prefix(4 + size);
  return true;
}

std::string temporary_name(const std::string& path) {
  static const char digits[] = "0123456789abcdef";
  std::random_device chance;
  std::string name = path + ".riven-";
  for (int i = 0; i < 12; ++i) name += digits[chance() % 16];
  return name;
}

Result<Unit, SessionError> write_at(int descriptor, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return SessionError{Kind::local,
                          "cannot write the downloaded file: " + std::generic_category().message(errno)};
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return Unit{};
}

}  // namespace

SessionError SftpClient::garbled() const {
  return {Kind::interrupted,
          place_ + " sent something that is not SFTP: does its login shell print on its own?"};
}

SessionError SftpClient::refused(const Reply& reply, const std::string& doing) const {
  if (reply.type != kStatus || reply.body.size() < 4) return garbled();
  static const char* const names[] = {
      "ok",          "end of file",   "no such file or directory", "permission denied", "failure",
      "bad message", "no connection", "connection lost",           "unsupported"};
  const uint32_t code = u32_at(reply.body, 0);
  std::string why = code < std::size(names) ? names[code] : "status " + std::to_string(code);
  std::string_view rest = std::string_view(reply.body).substr(4);
  std::string_view text;
  if (code >= 4 && take_string(rest, text) && !text.empty()) why = text;
  return {Kind::remote, place_ + " refused to " + doing + ": " + why};
}

Result<Unit, SessionError> SftpClient::send(uint8_t type, uint32_t id, std::string_view body) {
  std::string packet;
  packet.reserve(body.size() + 9);
  put_u32(packet, static_cast<uint32_t>(body.size() + 5));
  packet += static_cast<char>(type);
  put_u32(packet, id);
  packet += body;
  auto sent = stream_.write(packet, Milliseconds(milliseconds_until(deadline_)));
  if (sent) return Unit{};
  return SessionError{Kind::interrupted, "a transfer with " + place_ + " broke off: " + sent.error().message};
}

Result<Unit, SessionError> SftpClient::fill(size_t bytes) {
  char chunk[64 * 1024];
  while (buffer_.size() < bytes) {
    auto count = stream_.read(chunk, sizeof chunk, Milliseconds(milliseconds_until(deadline_)));
    if (!count) {
      return SessionError{Kind::interrupted,
                          "a transfer with " + place_ + " broke off: " + count.error().message};
    }
    if (*count == 0) {
      const std::string said = stream_.error_output();
      return SessionError{Kind::interrupted,
                          "a transfer with " + place_ + " broke off: its SFTP server ended" +
                              (said.empty() ? "" : ": " + said.substr(0, said.find('\n')))};
    }
    buffer_.append(chunk, *count);
  }
  return Unit{};
}

Result<SftpClient::Reply, SessionError> SftpClient::receive() {
  if (auto filled = fill(4); !filled) return filled.error();
  const size_t size = u32_at(buffer_, 0);
  if (size < 5 || size > kMaxPacketBytes) return garbled();
  if (auto filled = fill(4 + size); !filled) return filled.error();
  Reply reply;
  reply.type = static_cast<uint8_t>(buffer_[4]);
  reply.id = u32_at(buffer_, 5);
  reply.body = buffer_.substr(9, size - 5);
  buffer_.erase(0, 4 + size);
  return reply;
}

Result<SftpClient::Reply, SessionError> SftpClient::ask(uint8_t type, std::string_view body) {
  const uint32_t id = next_id_++;
  if (auto sent = send(type, id, body); !sent) return sent.error();
  auto reply = receive();
  if (reply && reply->id != id) return garbled();
  return reply;
}

Result<Unit, SessionError> SftpClient::expect_ok(const Result<Reply, SessionError>& reply,
                                                 const std::string& doing) {
  if (!reply) return reply.error();
  if (reply->type == kStatus && reply->body.size() >= 4 && u32_at(reply->body, 0) == kStatusOk) return Unit{};
  return refused(*reply, doing);
}

Result<Unit, SessionError> SftpClient::start() {
  // In the first exchange the version stands where the id is later.
  if (auto sent = send(kInit, 3, {}); !sent) return sent.error();
  auto reply = receive();
  if (!reply) return reply.error();
  if (reply->type != kVersion || reply->id < 3) return garbled();
  std::string_view extensions = reply->body;
  std::string_view name;
  std::string_view version;
  while (take_string(extensions, name) && take_string(extensions, version)) {
    posix_rename_ = posix_rename_ || name == "posix-rename@openssh.com";
  }
  return Unit{};
}

Result<std::string, SessionError> SftpClient::open(const std::string& path, uint32_t flags) {
  std::string body;
  put_string(body, path);
  put_u32(body, flags);
  put_u32(body, kAttributePermissions);
  put_u32(body, 0600);
  auto reply = ask(kOpen, body);
  if (!reply) return reply.error();
  std::string_view rest = reply->body;
  std::string_view handle;
  if (reply->type == kHandle && take_string(rest, handle)) return std::string(handle);
  return refused(*reply, flags == kOpenRead ? "read " + path : "make " + path);
}

Result<Unit, SessionError> SftpClient::write_all(UploadSource& source, const std::string& handle,
                                                 const std::string& path) {
  std::string block(kBlockBytes, '\0');
  uint64_t offset = 0;
  size_t under_way = 0;
  bool at_end = false;
  while (!at_end || under_way > 0) {
    if (!at_end && under_way < kMaxUnderWay) {
      auto count = source.read_at(offset, block.data(), block.size());
      if (!count) return SessionError{Kind::local, count.error().message};
      at_end = *count < block.size();
      if (*count == 0) continue;
      std::string body;
      body.reserve(*count + handle.size() + 16);
      put_string(body, handle);
      put_u64(body, offset);
      put_string(body, std::string_view(block).substr(0, *count));
      if (auto sent = send(kWrite, next_id_++, body); !sent) return sent.error();
      offset += *count;
      ++under_way;
      continue;
    }
    if (auto written = expect_ok(receive(), "write " + path); !written) return written.error();
    --under_way;
  }
  return Unit{};
}

Result<Unit, SessionError> SftpClient::rename(const std::string& from, const std::string& to) {
  std::string body;
  const std::string doing = "rename a file to " + to;
  if (posix_rename_) {
    put_string(body, "posix-rename@openssh.com");
    put_string(body, from);
    put_string(body, to);
    return expect_ok(ask(kExtended, body), doing);
  }
  // The plain rename of version 3 refuses an existing target: with such servers it is not atomic.
  std::string old;
  put_string(old, to);
  if (auto removed = ask(kRemove, old); !removed) return removed.error();
  put_string(body, from);
  put_string(body, to);
  return expect_ok(ask(kRename, body), doing);
}

Result<Unit, SessionError> SftpClient::upload(UploadSource& source, const std::string& path, unsigned mode) {
  const std::string temporary = temporary_name(path);
  auto handle = open(temporary, kOpenWrite | kOpenCreate | kOpenExclusive);
  if (!handle) return handle.error();
  auto result = write_all(source, *handle, path);
  std::string named;
  put_string(named, *handle);
  if (result) {
    std::string body = named;
    put_u32(body, kAttributePermissions);
    put_u32(body, mode & 07777);
    result = expect_ok(ask(kFsetstat, body), "set the mode of " + path);
  }
  if (result) result = expect_ok(ask(kClose, named), "close " + path);
  if (result) result = rename(temporary, path);
  if (!result && result.error().kind == Kind::remote) {
    std::string body;
    put_string(body, temporary);
    // The first error is the one to tell; replies of writes under way are the reason why this one is not
    // awaited.
    (void)send(kRemove, next_id_++, body);
  }
  return result;
}

Result<Unit, SessionError> SftpClient::read_all(const std::string& handle, const std::string& path,
                                                int descriptor) {
  struct Range {
    uint64_t offset;
    size_t size;
  };
  std::map<uint32_t, Range> under_way;
  uint64_t next_offset = 0;
  bool at_end = false;
  const auto request = [&](Range range) -> Result<Unit, SessionError> {
    std::string body;
    put_string(body, handle);
    put_u64(body, range.offset);
    put_u32(body, static_cast<uint32_t>(range.size));
    under_way[next_id_] = range;
    return send(kRead, next_id_++, body);
  };
  while (!at_end || !under_way.empty()) {
    if (!at_end && under_way.size() < kMaxUnderWay) {
      if (auto sent = request({next_offset, kBlockBytes}); !sent) return sent.error();
      next_offset += kBlockBytes;
      continue;
    }
    auto reply = receive();
    if (!reply) return reply.error();
    const auto found = under_way.find(reply->id);
    if (found == under_way.end()) return garbled();
    const Range range = found->second;
    under_way.erase(found);
    std::string_view rest = reply->body;
    std::string_view data;
    if (reply->type == kData && take_string(rest, data) && !data.empty() && data.size() <= range.size) {
      if (auto written = write_at(descriptor, data, range.offset); !written) return written.error();
      if (data.size() < range.size) {
        // A short answer does not mean the end: ask for the rest.
        if (auto sent = request({range.offset + data.size(), range.size - data.size()}); !sent)
          return sent.error();
      }
    } else if (reply->type == kStatus && reply->body.size() >= 4 && u32_at(reply->body, 0) == kStatusEof) {
      at_end = true;
    } else {
      return refused(*reply, "read " + path);
    }
  }
  return Unit{};
}

Result<Unit, SessionError> SftpClient::download(const std::string& path, int descriptor) {
  auto handle = open(path, kOpenRead);
  if (!handle) return handle.error();
  if (auto result = read_all(*handle, path, descriptor); !result) return result;
  std::string named;
  put_string(named, *handle);
  return expect_ok(ask(kClose, named), "close " + path);
}

}  // namespace riven
