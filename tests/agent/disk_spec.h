// What a file system promises, said a second time and much more simply: whole copies instead of a log.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace riven::agent {

/// Paths to inode numbers of the specification's own; directories end with '/'.
using SpecTree = std::map<std::string, int>;
using SpecContent = std::map<std::string, std::string>;

/// Every state since the beginning, and what was durable when.
class DiskSpec {
 public:
  struct Inode {
    std::vector<std::string> content{""};  ///< after each step from `born` on
    size_t born = 0;
    size_t synced = 0;  ///< the step whose content is durable; before: nothing is
    std::string at(size_t step) const {
      if (step < born) return "";
      return content[std::min(step - born, content.size() - 1)];
    }
  };

  /// After a change: `tree` is what the names are now.
  void step(const SpecTree& tree) {
    trees_.push_back(tree);
    for (auto& [id, inode] : inodes_) inode.content.push_back(inode.content.back());
  }
  int make_inode() {
    Inode inode;
    inode.born = inode.synced = now();
    inodes_[next_] = inode;
    return next_++;
  }
  std::string& content(int inode) { return inodes_[inode].content.back(); }
  void sync_file(int inode, bool names_too) {
    inodes_[inode].synced = now();
    if (names_too) names_synced_ = now();
  }
  void sync_names() { names_synced_ = now(); }
  size_t now() const { return trees_.size() - 1; }
  const SpecTree& tree() const { return trees_.back(); }
  size_t names_synced() const { return names_synced_; }

  /// What is there when names are those of step `names` and data that of step `data`, but never older than
  /// what is durable.
  SpecContent state(size_t names, size_t data) const {
    SpecContent files;
    for (const auto& [path, id] : trees_[std::max(names, names_synced_)]) {
      const auto inode = inodes_.find(id);
      files[path] = inode == inodes_.end() ? "" : inode->second.at(std::max(data, inode->second.synced));
    }
    return files;
  }

  /// Whether `found` can be what is left of the file: each byte is zero or was there at some time since the
  /// last sync.
  bool allows(int id, const std::string& found) const {
    const auto known = inodes_.find(id);
    if (known == inodes_.end()) return found.empty();
    const Inode& inode = known->second;
    for (size_t at = 0; at < found.size(); ++at) {
      bool seen = false, grew = false;
      for (size_t step = inode.synced; step <= now(); ++step) {
        const std::string content = inode.at(step);
        seen = seen || (at < content.size() && content[at] == found[at]);
        grew = grew || at >= content.size();
      }
      if (!seen && !(grew && found[at] == '\0')) return false;
    }
    return true;
  }
  const std::vector<SpecTree>& trees() const { return trees_; }

 private:
  std::vector<SpecTree> trees_{SpecTree{}};
  std::map<int, Inode> inodes_;
  size_t names_synced_ = 0;
  int next_ = 1;
};

}  // namespace riven::agent
