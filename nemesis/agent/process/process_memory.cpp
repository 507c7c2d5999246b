#include "nemesis/agent/process/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>

#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {

Result<ProcessMemory> ProcessMemory::open(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    const bool forbidden = errno == EACCES || errno == EPERM;
    return Error{"cannot open " + path + ": " + std::strerror(errno) +
                 (forbidden ? " (needs CAP_SYS_PTRACE)" : "")};
  }
  return ProcessMemory(fd);
}

ProcessMemory::ProcessMemory(ProcessMemory&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ProcessMemory& ProcessMemory::operator=(ProcessMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

ProcessMemory::~ProcessMemory() {
  if (fd_ >= 0) close(fd_);
}

bool ProcessMemory::read(uint64_t address, void* into, size_t bytes) const {
  return pread(fd_, into, bytes, static_cast<off_t>(address)) == static_cast<ssize_t>(bytes);
}

bool ProcessMemory::write(uint64_t address, const void* from, size_t bytes) const {
  return pwrite(fd_, from, bytes, static_cast<off_t>(address)) == static_cast<ssize_t>(bytes);
}

std::vector<uint8_t> ProcessMemory::read_some(uint64_t address, size_t bytes) const {
  std::vector<uint8_t> content(bytes);
  const ssize_t got = pread(fd_, content.data(), bytes, static_cast<off_t>(address));
  content.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return content;
}

std::vector<Mapping> read_mappings(pid_t pid) {
  std::vector<Mapping> mappings;
  std::istringstream lines(read_proc_file("/proc/" + std::to_string(pid) + "/maps"));
  for (std::string line; std::getline(lines, line);) {
    Mapping mapping;
    int name_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &mapping.begin, &mapping.end,
                    &name_at) != 2) {
      continue;
    }
    if (name_at > 0) mapping.name = line.substr(static_cast<size_t>(name_at));
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

}  // namespace riven::agent
