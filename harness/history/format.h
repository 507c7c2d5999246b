// The names of the history formats that Riven reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace riven {

/// What each one is, and what it loses, is said in the header of its reader (see reader.h).
enum class Format : uint8_t {
  automatic,   ///< detected from the first bytes (and, for a directory, from the files in it)
  riven,       ///< Riven's journal
  edn,         ///< Jepsen and Elle: operation maps, one after another or in one vector
  jsonl,       ///< one JSON object a line
  jepsen_log,  ///< "INFO ... - 2 :invoke :cas [1 2]", and history.txt
  porcupine,   ///< Porcupine's key-value log: EDN maps with :key
  elle_json,   ///< elle-cli: one JSON array of operation objects
  plume,       ///< Plume, PolySI, IsoVista: r(key,value,session,txn) a line
  dbcop,       ///< DBCop's history.bincode
  cobra,       ///< Cobra: a directory of T*.log, one a session
  awdit,       ///< AWDIT's test text: "w K V", "r K V", '-' between transactions, '=' between sessions
};

/// As --format spells it: auto, riven, edn, jsonl, jepsen-log, porcupine, elle-json, plume, dbcop, cobra,
/// awdit.
std::string_view to_text(Format format);
/// The format of that name, or nothing.
std::optional<Format> parse_format(std::string_view name);
/// Every name but `auto`, separated by ", ": for help and error texts.
std::string format_names();

}  // namespace riven
