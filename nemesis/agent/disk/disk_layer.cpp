#include "nemesis/agent/disk/disk_layer.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "harness/core/clock.h"

namespace riven::agent {
namespace {

std::string name_in(std::string_view text) { return std::string(text.substr(0, text.find('\0'))); }

FileOwner owner_of(const FuseRequest& request) { return {request.head.uid, request.head.gid}; }

uint32_t device_number(dev_t device) {
  return static_cast<uint32_t>((minor(device) & 0xff) | (major(device) << 8) |
                               ((minor(device) & ~0xffU) << 12));
}

fuse_attr attributes_of(const struct stat& file) {
  fuse_attr out{};
  out.ino = file.st_ino;
  out.size = static_cast<uint64_t>(file.st_size);
  out.blocks = static_cast<uint64_t>(file.st_blocks);
  out.atime = static_cast<uint64_t>(file.st_atim.tv_sec);
  out.mtime = static_cast<uint64_t>(file.st_mtim.tv_sec);
  out.ctime = static_cast<uint64_t>(file.st_ctim.tv_sec);
  out.atimensec = static_cast<uint32_t>(file.st_atim.tv_nsec);
  out.mtimensec = static_cast<uint32_t>(file.st_mtim.tv_nsec);
  out.ctimensec = static_cast<uint32_t>(file.st_ctim.tv_nsec);
  out.mode = file.st_mode;
  out.nlink = static_cast<uint32_t>(file.st_nlink);
  out.uid = file.st_uid;
  out.gid = file.st_gid;
  out.rdev = device_number(file.st_rdev);
  out.blksize = static_cast<uint32_t>(file.st_blksize);
  return out;
}

std::string proc_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string link_text(int fd) {
  char text[PATH_MAX];
  const ssize_t length = ::readlink(proc_path(fd).c_str(), text, sizeof text);
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : std::string();
}

}  // namespace

DiskLayer::DiskLayer(FuseChannel channel, int root, PendingChanges::Names names)
    : channel_(std::move(channel)), store_(names), rules_(static_cast<uint64_t>(monotonic_now_ns())) {
  struct stat file {};
  ::fstat(root, &file);
  nodes_[FUSE_ROOT_ID] = {root, 1, {file.st_dev, file.st_ino}};
  node_ids_[nodes_[FUSE_ROOT_ID].key] = FUSE_ROOT_ID;
}

DiskLayer::~DiskLayer() {
  for (const auto& [id, each] : nodes_) ::close(each.fd);
  for (const auto& [id, each] : handles_) {
    if (each.fd >= 0) ::close(each.fd);
  }
}

const std::map<uint32_t, DiskLayer::Handler>& DiskLayer::handlers() {
  static const std::map<uint32_t, Handler> kHandlers = {{FUSE_INIT, &DiskLayer::init},
                                                        {FUSE_LOOKUP, &DiskLayer::lookup},
                                                        {FUSE_FORGET, &DiskLayer::forget_one},
                                                        {FUSE_BATCH_FORGET, &DiskLayer::forget_many},
                                                        {FUSE_GETATTR, &DiskLayer::get_attributes},
                                                        {FUSE_SETATTR, &DiskLayer::set_attributes},
                                                        {FUSE_READLINK, &DiskLayer::read_link},
                                                        {FUSE_SYMLINK, &DiskLayer::make_symlink},
                                                        {FUSE_MKNOD, &DiskLayer::make_node},
                                                        {FUSE_MKDIR, &DiskLayer::make_directory},
                                                        {FUSE_UNLINK, &DiskLayer::unlink},
                                                        {FUSE_RMDIR, &DiskLayer::remove_directory},
                                                        {FUSE_RENAME, &DiskLayer::rename},
                                                        {FUSE_RENAME2, &DiskLayer::rename2},
                                                        {FUSE_LINK, &DiskLayer::link},
                                                        {FUSE_OPEN, &DiskLayer::open},
                                                        {FUSE_CREATE, &DiskLayer::create},
                                                        {FUSE_READ, &DiskLayer::read},
                                                        {FUSE_WRITE, &DiskLayer::write},
                                                        {FUSE_FALLOCATE, &DiskLayer::allocate},
                                                        {FUSE_FSYNC, &DiskLayer::sync},
                                                        {FUSE_FSYNCDIR, &DiskLayer::sync_directory},
                                                        {FUSE_RELEASE, &DiskLayer::release},
                                                        {FUSE_RELEASEDIR, &DiskLayer::release},
                                                        {FUSE_OPENDIR, &DiskLayer::open_directory},
                                                        {FUSE_READDIR, &DiskLayer::read_directory},
                                                        {FUSE_STATFS, &DiskLayer::statistics},
                                                        {FUSE_FLUSH, &DiskLayer::nothing},
                                                        {FUSE_DESTROY, &DiskLayer::nothing}};
  return kHandlers;
}

bool DiskLayer::serve() {
  // A busy file system must not keep delayed answers, or the control line, waiting.
  constexpr int kMostAtOnce = 64;
  FuseRequest request;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const FuseChannel::Next next = channel_.read(request);
    if (next == FuseChannel::Next::ended) return false;
    if (next == FuseChannel::Next::nothing) break;
    handle(request);
  }
  while (!delayed_.empty() && delayed_.top().due_ns <= monotonic_now_ns()) {
    const Answer& due = delayed_.top();
    if (due.error != 0) {
      channel_.refuse(due.unique, due.error);
    } else {
      channel_.reply(due.unique, due.payload);
    }
    delayed_.pop();
  }
  return true;
}

void DiskLayer::handle(const FuseRequest& request) {
  ++traffic_.requests;
  delay_ns_ = 0;
  const auto known = handlers().find(request.head.opcode);
  if (known != handlers().end()) {
    (this->*known->second)(request);
  } else if (request.head.opcode != FUSE_INTERRUPT) {
    finish(request, -ENOSYS);  // the kernel does without: extended attributes, locks, ioctl, poll
  }
}

void DiskLayer::answer(const FuseRequest& request, std::string_view payload) {
  if (delay_ns_ == 0) return channel_.reply(request.head.unique, payload);
  delayed_.push({monotonic_now_ns() + delay_ns_, answers_++, request.head.unique, 0, std::string(payload)});
}

void DiskLayer::finish(const FuseRequest& request, int status) {
  if (delay_ns_ == 0) return channel_.refuse(request.head.unique, -status);
  delayed_.push({monotonic_now_ns() + delay_ns_, answers_++, request.head.unique, -status, {}});
}

bool DiskLayer::passes(const FuseRequest& request, DiskWork work, bool grows, std::string_view name) {
  const DiskRules::Decision decision =
      rules_.decide({work, grows, [&] { return path_text(request.head.nodeid, name); }});
  delay_ns_ = decision.delay_ns;
  if (decision.error == 0) return true;
  finish(request, -decision.error);
  return false;
}

DiskLayer::Node* DiskLayer::node(uint64_t id) {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : &found->second;
}

DiskLayer::Handle* DiskLayer::handle_of(uint64_t id) {
  const auto found = handles_.find(id);
  return found == handles_.end() ? nullptr : &found->second;
}

int DiskLayer::path_of(const FuseRequest& request) {
  const Node* const found = node(request.head.nodeid);
  return found == nullptr ? -1 : found->fd;
}

std::string DiskLayer::path_text(uint64_t id, std::string_view name) const {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return "/";
  const std::string top = link_text(root());
  std::string path = link_text(found->second.fd);
  path = path.size() >= top.size() ? path.substr(top.size()) : std::string();
  if (!name.empty()) path += "/" + name_in(name);
  return path.empty() ? "/" : path;
}

/// The node of an O_PATH descriptor, which is given over; one more look-up of it.
uint64_t DiskLayer::adopt(int fd) {
  struct stat file {};
  ::fstat(fd, &file);
  const std::pair<dev_t, ino_t> key{file.st_dev, file.st_ino};
  if (const auto known = node_ids_.find(key); known != node_ids_.end()) {
    ::close(fd);
    ++nodes_[known->second].lookups;
    return known->second;
  }
  const uint64_t id = next_id_++;
  nodes_[id] = {fd, 1, key};
  node_ids_[key] = id;
  return id;
}

void DiskLayer::forget(uint64_t id, uint64_t lookups) {
  Node* const found = node(id);
  if (found == nullptr || id == FUSE_ROOT_ID) return;
  found->lookups -= std::min(lookups, found->lookups);
  if (found->lookups > 0) return;
  ::close(found->fd);
  node_ids_.erase(found->key);
  nodes_.erase(id);
}

bool DiskLayer::fill_entry(int directory, const std::string& name, fuse_entry_out& out) {
  const int fd = ::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat file {};
  if (::fstat(fd, &file) != 0) {
    ::close(fd);
    return false;
  }
  out.nodeid = adopt(fd);
  out.attr = attributes_of(file);
  return true;
}

void DiskLayer::entry(const FuseRequest& request, int directory, const std::string& name) {
  fuse_entry_out out{};
  if (!fill_entry(directory, name, out)) return finish(request, -errno);
  answer(request, fuse_bytes(out));
}

void DiskLayer::init(const FuseRequest& request) {
  const auto in = fuse_body<fuse_init_in>(request);
  constexpr uint32_t kMinorSpoken = 31;
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = std::min(in.minor, kMinorSpoken);
  out.max_readahead = in.max_readahead;
  out.flags = in.flags & (FUSE_BIG_WRITES | FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS);
  out.max_background = 64;
  out.congestion_threshold = 48;
  out.max_write = kFuseMaxWriteBytes;
  out.time_gran = 1;
  answer(request, fuse_bytes(out));
}

void DiskLayer::lookup(const FuseRequest& request) {
  entry(request, path_of(request), name_in(request.body));
}

void DiskLayer::forget_one(const FuseRequest& request) {
  forget(request.head.nodeid, fuse_body<fuse_forget_in>(request).nlookup);
}

void DiskLayer::forget_many(const FuseRequest& request) {
  const uint32_t count = fuse_body<fuse_batch_forget_in>(request).count;
  std::string_view rest = fuse_after<fuse_batch_forget_in>(request);
  for (uint32_t i = 0; i < count && rest.size() >= sizeof(fuse_forget_one); ++i) {
    fuse_forget_one one{};
    std::memcpy(&one, rest.data(), sizeof one);
    forget(one.nodeid, one.nlookup);
    rest.remove_prefix(sizeof one);
  }
}

void DiskLayer::get_attributes(const FuseRequest& request) {
  struct stat file {};
  if (::fstat(path_of(request), &file) != 0) return finish(request, -errno);
  fuse_attr_out out{};
  out.attr = attributes_of(file);
  answer(request, fuse_bytes(out));
}

void DiskLayer::set_attributes(const FuseRequest& request) {
  const auto in = fuse_body<fuse_setattr_in>(request);
  const int path = path_of(request);
  struct stat file {};
  if (::fstat(path, &file) != 0) return finish(request, -errno);
  const bool sizes = (in.valid & FATTR_SIZE) != 0;
  if (!passes(request, sizes ? DiskWork::write : DiskWork::names,
              sizes && in.size > static_cast<uint64_t>(file.st_size))) {
    return;
  }
  if (sizes) {
    const int fd = store_.open_file(path, O_RDWR);
    const int done = fd < 0 ? fd : store_.resize(fd, in.size);
    if (fd >= 0) ::close(fd);
    if (done != 0) return finish(request, done);
  }
  if ((in.valid & (FATTR_UID | FATTR_GID)) != 0) {
    const uid_t user = (in.valid & FATTR_UID) != 0 ? in.uid : static_cast<uid_t>(-1);
    const gid_t group = (in.valid & FATTR_GID) != 0 ? in.gid : static_cast<gid_t>(-1);
    if (::fchownat(path, "", user, group, AT_EMPTY_PATH) != 0) return finish(request, -errno);
  }
  if ((in.valid & FATTR_MODE) != 0 && ::chmod(proc_path(path).c_str(), in.mode & 07777) != 0)
    return finish(request, -errno);
  if ((in.valid & (FATTR_ATIME | FATTR_MTIME)) != 0) {
    const auto time = [&](uint32_t given, uint32_t now, uint64_t seconds, uint32_t nanos) {
      if ((in.valid & now) != 0) return timespec{0, UTIME_NOW};
      if ((in.valid & given) == 0) return timespec{0, UTIME_OMIT};
      return timespec{static_cast<time_t>(seconds), static_cast<long>(nanos)};
    };
    const timespec times[] = {time(FATTR_ATIME, FATTR_ATIME_NOW, in.atime, in.atimensec),
                              time(FATTR_MTIME, FATTR_MTIME_NOW, in.mtime, in.mtimensec)};
    if (::utimensat(AT_FDCWD, proc_path(path).c_str(), times, 0) != 0) return finish(request, -errno);
  }
  get_attributes(request);
}

void DiskLayer::read_link(const FuseRequest& request) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(path_of(request), "", target, sizeof target);
  if (length < 0) return finish(request, -errno);
  answer(request, {target, static_cast<size_t>(length)});
}

void DiskLayer::statistics(const FuseRequest& request) {
  struct statvfs disk {};
  if (::fstatvfs(path_of(request), &disk) != 0) return finish(request, -errno);
  fuse_statfs_out out{};
  out.st.blocks = disk.f_blocks;
  out.st.bfree = rules_.is_full() ? 0 : disk.f_bfree;
  out.st.bavail = rules_.is_full() ? 0 : disk.f_bavail;
  out.st.files = disk.f_files;
  out.st.ffree = rules_.is_full() ? 0 : disk.f_ffree;
  out.st.bsize = static_cast<uint32_t>(disk.f_bsize);
  out.st.frsize = static_cast<uint32_t>(disk.f_frsize);
  out.st.namelen = static_cast<uint32_t>(disk.f_namemax);
  answer(request, fuse_bytes(out));
}

void DiskLayer::nothing(const FuseRequest& request) { finish(request, 0); }

void DiskLayer::make_symlink(const FuseRequest& request) {
  const std::string name = name_in(request.body);
  if (!passes(request, DiskWork::names, true, name)) return;
  const std::string target = name_in(request.body.substr(std::min(name.size() + 1, request.body.size())));
  const int done = store_.make_symlink(path_of(request), name, target, owner_of(request));
  if (done != 0) return finish(request, done);
  entry(request, path_of(request), name);
}

void DiskLayer::make_node(const FuseRequest& request) {
  const auto in = fuse_body<fuse_mknod_in>(request);
  const std::string name = name_in(fuse_after<fuse_mknod_in>(request));
  if (!passes(request, DiskWork::names, true, name)) return;
  const dev_t device = makedev((in.rdev >> 8) & 0xfff, (in.rdev & 0xff) | ((in.rdev >> 12) & 0xfff00));
  const int done = store_.make_node(path_of(request), name, in.mode, device, owner_of(request));
  if (done != 0) return finish(request, done);
  entry(request, path_of(request), name);
}

void DiskLayer::make_directory(const FuseRequest& request) {
  const auto in = fuse_body<fuse_mkdir_in>(request);
  const std::string name = name_in(fuse_after<fuse_mkdir_in>(request));
  if (!passes(request, DiskWork::names, true, name)) return;
  const int done = store_.make_directory(path_of(request), name, in.mode & 07777, owner_of(request));
  if (done != 0) return finish(request, done);
  entry(request, path_of(request), name);
}

void DiskLayer::unlink(const FuseRequest& request) {
  const std::string name = name_in(request.body);
  if (passes(request, DiskWork::names, false, name))
    finish(request, store_.remove(path_of(request), name, false));
}

void DiskLayer::remove_directory(const FuseRequest& request) {
  const std::string name = name_in(request.body);
  if (passes(request, DiskWork::names, false, name))
    finish(request, store_.remove(path_of(request), name, true));
}

void DiskLayer::move(const FuseRequest& request, uint64_t to, unsigned flags, std::string_view names) {
  const std::string old_name = name_in(names);
  const std::string new_name = name_in(names.substr(std::min(old_name.size() + 1, names.size())));
  const Node* const target = node(to);
  if (target == nullptr) return finish(request, -ENOENT);
  if (!passes(request, DiskWork::names, false, old_name)) return;
  finish(request, store_.rename(path_of(request), old_name, target->fd, new_name, flags));
}

void DiskLayer::rename(const FuseRequest& request) {
  move(request, fuse_body<fuse_rename_in>(request).newdir, 0, fuse_after<fuse_rename_in>(request));
}

void DiskLayer::rename2(const FuseRequest& request) {
  const auto in = fuse_body<fuse_rename2_in>(request);
  move(request, in.newdir, in.flags, fuse_after<fuse_rename2_in>(request));
}

void DiskLayer::link(const FuseRequest& request) {
  const Node* const old_node = node(fuse_body<fuse_link_in>(request).oldnodeid);
  const std::string name = name_in(fuse_after<fuse_link_in>(request));
  if (old_node == nullptr) return finish(request, -ENOENT);
  if (!passes(request, DiskWork::names, true, name)) return;
  const int done = store_.link(old_node->fd, path_of(request), name);
  if (done != 0) return finish(request, done);
  entry(request, path_of(request), name);
}

}  // namespace riven::agent
