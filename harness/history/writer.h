// Writes histories as Jepsen's EDN and as JSON lines.
#pragma once

#include <cstdio>
#include <string>

#include "harness/core/history.h"
#include "harness/core/result.h"

namespace riven {

/// One map a line, as Jepsen writes it: {:index 0, :time 12, :process 1, :type :invoke, :f :read, :value nil}
/// with ", :error ..." where there is one. read_history gives the same history back: every value exactly
/// (texts that are no valid keyword are written as #riven/keyword "...", reals by their shortest exact form).
/// Without :time where the history has no times.
/// Errors: those of writing. Does not close `to`.
Status write_edn(const History& history, std::FILE* to);

/// One object a line: {"index":0,"time":12,"process":1,"type":"invoke","f":"read","value":null}, the
/// nemesis as "process":"nemesis". JSON knows no keywords (they become strings), no sets (they become lists),
/// no map keys but texts (others become their EDN text), no NaN or infinity (they become the strings "##NaN",
/// "##Inf", "##-Inf"), and one kind of number (2.0 comes back as 2); all else comes back exactly.
Status write_jsonl(const History& history, std::FILE* to);

/// Writes to `path` ("-": standard output), as EDN when it ends in ".edn", as JSON lines when it ends in
/// ".jsonl" or ".json"; anything else is an error, unless `format` ("edn" or "jsonl") says it. A file appears
/// whole or not at all.
Status export_history(const History& history, const std::string& path, const std::string& format = "");

}  // namespace riven
