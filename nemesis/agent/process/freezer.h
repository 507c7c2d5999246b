// Processes in a frozen control group (version 2, Linux 5.2 and later: cgroups(7),
// Documentation/admin-guide/cgroup-v2.rst, "cgroup.freeze"): unlike SIGSTOP neither they nor whoever waits
// for them can see it.
#pragma once

#include <string>
#include <vector>

#include "harness/core/result.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {

/// The control groups that `name` (is_agent_name) is to freeze: one below each group that the processes are
/// in, so that the limits of theirs go on to hold. Empty where that cannot be: no hierarchy of version 2 that
/// this process may write to, an older kernel, processes that are frozen by us already or beyond our view.
std::vector<std::string> freezer_folders(const std::vector<ProcessId>& processes, const std::string& name);

/// Makes the groups and moves the trees of `names` into them, until two looks in a row found all of them
/// there (children are born where their parents are). They run on. Errors: a process in another group than
/// before, what the kernel refuses; 2 s.
Status enter_freezer(const std::vector<std::string>& folders, const std::vector<std::string>& names);

/// Freezes all that is in the groups and waits until the kernel reports it frozen. Errors: after 2 s.
Status freeze_groups(const std::vector<std::string>& folders);

/// Thaws the groups, moves what is in them back and removes them. Those that are not there are left out.
/// Errors: one that cannot be removed within 2 s.
Status leave_freezer(const std::vector<std::string>& folders);

/// Whether the process is in one of these groups of ours (of any agent's) that the kernel holds frozen.
bool stands_in_freezer(pid_t pid);
/// Whether it is in one that is to be frozen, be it so already or not. A tracer can stop such a process, but
/// not have it run a step, and would wait for it until it is thawed.
bool is_held_in_freezer(pid_t pid);

}  // namespace riven::agent
