#include "nemesis/agent/clock/vdso_image.h"

#include <elf.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstring>

#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kMostBytes = 16 * kPageBytes;

template <typename T>
T read_at(const std::vector<uint8_t>& bytes, size_t offset) {
  T value{};
  if (offset <= bytes.size() && sizeof value <= bytes.size() - offset) {
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  }
  return value;
}

std::string text_at(const std::vector<uint8_t>& bytes, size_t offset) {
  std::string text;
  while (offset < bytes.size() && bytes[offset] != 0) text += static_cast<char>(bytes[offset++]);
  return text;
}

/// What the dynamic section says; offsets into the image (its addresses begin at 0).
struct Tables {
  size_t symbols = 0;
  size_t strings = 0;
};

Tables read_dynamic(const std::vector<uint8_t>& bytes, size_t at) {
  Tables tables;
  for (;; at += sizeof(Elf64_Dyn)) {
    const auto entry = read_at<Elf64_Dyn>(bytes, at);
    if (entry.d_tag == DT_SYMTAB) tables.symbols = entry.d_un.d_ptr;
    if (entry.d_tag == DT_STRTAB) tables.strings = entry.d_un.d_ptr;
    if (entry.d_tag == DT_NULL) return tables;  // also behind the end of the image
  }
}

}  // namespace

Result<VdsoImage> VdsoImage::own() {
  const auto* const base = reinterpret_cast<const uint8_t*>(getauxval(AT_SYSINFO_EHDR));
  if (base == nullptr) return Error{"this kernel gives its processes no vDSO"};
  Elf64_Ehdr header;
  std::memcpy(&header, base, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_X86_64) {
    return Error{"the vDSO is not one for x86-64"};
  }
  size_t end = 0, dynamic = 0, text_begin = 0, text_end = 0;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    std::memcpy(&part, base + header.e_phoff + i * sizeof part, sizeof part);
    if (part.p_type == PT_LOAD && part.p_vaddr == part.p_offset) end = part.p_offset + part.p_filesz;
    if (part.p_type == PT_DYNAMIC) dynamic = part.p_offset;
  }
  if (end == 0 || end > kMostBytes || dynamic == 0) return Error{"the vDSO has an unknown layout"};
  VdsoImage image;
  image.bytes_.assign(base, base + (end + kPageBytes - 1) / kPageBytes * kPageBytes);
  const Tables tables = read_dynamic(image.bytes_, dynamic);
  // Linkers put the strings right behind the symbols; nothing else tells how many there are.
  text_begin = end;
  for (size_t at = tables.symbols; at + sizeof(Elf64_Sym) <= tables.strings; at += sizeof(Elf64_Sym)) {
    const auto symbol = read_at<Elf64_Sym>(image.bytes_, at);
    if (symbol.st_value == 0 || symbol.st_value >= end || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
    image.symbols_.emplace_back(text_at(image.bytes_, tables.strings + symbol.st_name), symbol.st_value);
    text_begin = std::min<size_t>(text_begin, symbol.st_value);
    text_end = std::max<size_t>(text_end, symbol.st_value + symbol.st_size);
  }
  if (image.symbols_.empty()) return Error{"the vDSO has no symbols"};
  static constexpr uint8_t kSyscall[] = {0x0f, 0x05};
  const auto begin = image.bytes_.begin();
  const auto text_limit = begin + static_cast<std::ptrdiff_t>(std::min(text_end, end));
  const auto found = std::search(begin + static_cast<std::ptrdiff_t>(text_begin), text_limit,
                                 std::begin(kSyscall), std::end(kSyscall));
  if (found == text_limit) return Error{"the vDSO has no system call in it"};
  image.syscall_offset_ = static_cast<size_t>(found - begin);
  return image;
}

std::optional<size_t> VdsoImage::find(const std::string& symbol) const {
  for (const auto& [name, offset] : symbols_) {
    if (name == symbol) return offset;
  }
  return std::nullopt;
}

Result<uint64_t> vdso_base(pid_t pid) {
  const std::string vector = read_proc_file("/proc/" + std::to_string(pid) + "/auxv");
  if (vector.empty()) {
    return Error{"process " + std::to_string(pid) +
                 " cannot be looked at (it ended, or CAP_SYS_PTRACE is missing)"};
  }
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, vector.data() + at, sizeof entry);
    if (entry.a_type == AT_SYSINFO_EHDR) return entry.a_un.a_val;
  }
  return Error{"process " + std::to_string(pid) + " has no 64-bit vDSO"};
}

}  // namespace riven::agent
