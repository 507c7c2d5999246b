// The disk layer's open files and directories.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nemesis/agent/disk/disk_layer.h"

namespace riven::agent {
namespace {

bool for_writing(uint32_t flags) { return (flags & O_ACCMODE) != O_RDONLY; }

bool is_durable(uint32_t flags) { return (flags & O_DSYNC) != 0; }  // O_SYNC has O_DSYNC's bit

}  // namespace

void DiskLayer::open(const FuseRequest& request) {
  const auto in = fuse_body<fuse_open_in>(request);
  if (for_writing(in.flags) && !passes(request, DiskWork::open_write)) return;
  const int fd = store_.open_file(path_of(request), static_cast<int>(in.flags));
  if (fd < 0) return finish(request, fd);
  fuse_open_out out{};
  out.fh = next_id_++;
  handles_[out.fh] = {fd, {}, is_durable(in.flags)};
  answer(request, fuse_bytes(out));
}

void DiskLayer::create(const FuseRequest& request) {
  const auto in = fuse_body<fuse_create_in>(request);
  const std::string_view text = request.body.substr(std::min(sizeof in, request.body.size()));
  const std::string name(text.substr(0, text.find('\0')));
  if (!passes(request, DiskWork::names, true, name)) return;
  const int fd = store_.create(path_of(request), name, static_cast<int>(in.flags), in.mode & 07777,
                               {request.head.uid, request.head.gid});
  if (fd < 0) return finish(request, fd);
  struct {
    fuse_entry_out entry;
    fuse_open_out open;
  } out{};
  if (!fill_entry(path_of(request), name, out.entry)) {
    const int error = errno;
    ::close(fd);
    return finish(request, -error);
  }
  out.open.fh = next_id_++;
  handles_[out.open.fh] = {fd, {}, is_durable(in.flags)};
  answer(request, fuse_bytes(out));
}

void DiskLayer::read(const FuseRequest& request) {
  const auto in = fuse_body<fuse_read_in>(request);
  const Handle* const file = handle_of(in.fh);
  if (file == nullptr) return finish(request, -EBADF);
  ++traffic_.reads;
  if (!passes(request, DiskWork::read)) return;
  std::string bytes(in.size, '\0');
  const ssize_t got = ::pread(file->fd, bytes.data(), bytes.size(), static_cast<off_t>(in.offset));
  if (got < 0) return finish(request, -errno);
  answer(request, std::string_view(bytes.data(), static_cast<size_t>(got)));
}

void DiskLayer::write(const FuseRequest& request) {
  const auto in = fuse_body<fuse_write_in>(request);
  const Handle* const file = handle_of(in.fh);
  if (file == nullptr || request.body.size() < sizeof in + in.size) return finish(request, -EBADF);
  ++traffic_.writes;
  traffic_.written_bytes += in.size;
  struct stat now {};
  ::fstat(file->fd, &now);
  if (!passes(request, DiskWork::write, in.offset + in.size > static_cast<uint64_t>(now.st_size))) return;
  const ssize_t put = store_.write(file->fd, request.body.data() + sizeof in, in.size, in.offset);
  if (put < 0) return finish(request, static_cast<int>(put));
  if (file->durable_writes || is_durable(in.flags)) store_.sync_file(file->fd);
  fuse_write_out out{};
  out.size = static_cast<uint32_t>(put);
  answer(request, fuse_bytes(out));
}

void DiskLayer::allocate(const FuseRequest& request) {
  const auto in = fuse_body<fuse_fallocate_in>(request);
  const Handle* const file = handle_of(in.fh);
  if (file == nullptr) return finish(request, -EBADF);
  if (!passes(request, DiskWork::write, true)) return;
  finish(request, store_.allocate(file->fd, static_cast<int>(in.mode), in.offset, in.length));
}

void DiskLayer::sync(const FuseRequest& request) {
  const Handle* const file = handle_of(fuse_body<fuse_fsync_in>(request).fh);
  if (file == nullptr) return finish(request, -EBADF);
  ++traffic_.syncs;
  if (!passes(request, DiskWork::sync)) return;
  store_.sync_file(file->fd);
  finish(request, 0);
}

void DiskLayer::sync_directory(const FuseRequest& request) {
  ++traffic_.syncs;
  if (!passes(request, DiskWork::sync)) return;
  store_.sync_directory();
  finish(request, 0);
}

void DiskLayer::release(const FuseRequest& request) {
  const uint64_t id = fuse_body<fuse_release_in>(request).fh;
  if (const Handle* const file = handle_of(id); file != nullptr && file->fd >= 0) ::close(file->fd);
  handles_.erase(id);
  finish(request, 0);
}

/// A directory is listed once, when it is opened: what comes and goes later may or may not be there, as POSIX
/// has it.
void DiskLayer::open_directory(const FuseRequest& request) {
  const int fd = ::openat(path_of(request), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = fd < 0 ? nullptr : ::fdopendir(fd);
  if (directory == nullptr) return finish(request, -errno);
  Handle handle;
  while (const dirent* const each = ::readdir(directory)) {
    fuse_dirent out{};
    const size_t length = std::strlen(each->d_name);
    const size_t padded = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
    out.ino = each->d_ino;
    out.off = handle.listing.size() + padded;
    out.namelen = static_cast<uint32_t>(length);
    out.type = each->d_type;
    std::string record(reinterpret_cast<const char*>(&out), FUSE_NAME_OFFSET);
    record.append(each->d_name, length);
    record.resize(padded);
    handle.listing += record;
  }
  ::closedir(directory);
  fuse_open_out out{};
  out.fh = next_id_++;
  handles_[out.fh] = std::move(handle);
  answer(request, fuse_bytes(out));
}

void DiskLayer::read_directory(const FuseRequest& request) {
  const auto in = fuse_body<fuse_read_in>(request);
  const Handle* const directory = handle_of(in.fh);
  if (directory == nullptr) return finish(request, -EBADF);
  // Whole entries only: an entry's `off` is where the next one begins.
  const std::string_view rest =
      std::string_view(directory->listing).substr(std::min<size_t>(in.offset, directory->listing.size()));
  size_t whole = 0;
  while (whole < rest.size()) {
    fuse_dirent each{};
    std::memcpy(&each, rest.data() + whole, FUSE_NAME_OFFSET);
    const size_t next = whole + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + each.namelen);
    if (next > in.size) break;
    whole = next;
  }
  answer(request, rest.substr(0, whole));
}

}  // namespace riven::agent
