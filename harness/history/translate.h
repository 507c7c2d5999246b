// Copies encoded values from one numbering of symbols to another, checking every byte on the way.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "harness/core/encoding.h"

namespace riven::journal {

/// Reads a varint from [at, end) and moves `at` behind it; false when it is cut short or too long.
inline bool checked_varint(const uint8_t*& at, const uint8_t* end, uint64_t& out) {
  if (at == end) return false;
  out = *at++;
  if (out < 0x80) [[likely]]
    return true;
  out &= 0x7f;
  for (int shift = 7; shift < 64 && at != end; shift += 7) {
    const uint64_t byte = *at++;
    out |= (byte & 0x7f) << shift;
    if (byte < 0x80) return shift < 63 || byte <= 1;
  }
  return false;
}

inline constexpr uint32_t kNoSymbol = UINT32_MAX;
inline constexpr int kMaxDepth = 64;

/// Copies one value from [at, end) to the end of `out`; `map(id)` is the new id of a symbol, or kNoSymbol for
/// one that does not exist. False when the bytes are no whole well-formed value nested at most kMaxDepth
/// deep; then `out` has rubbish at its end. Lengths are written anew, since new ids may be longer or shorter.
/// With kCanonical, where the new ids are this process's symbols, sets and maps are put in their order (the
/// journals of earlier versions had maps in any).
template <bool kCanonical, typename Map>
bool translate_value(const uint8_t*& at, const uint8_t* end, std::vector<uint8_t>& out, Map&& map,
                     int depth = 0) {
  if (at == end || depth > kMaxDepth) return false;
  const uint8_t tag = *at++;
  out.push_back(tag);
  if (tag >= encoding::small || tag <= encoding::yes) return true;
  if (tag == encoding::real) {
    if (end - at < 8) return false;
    double number = 0;
    std::memcpy(&number, at, sizeof number);
    if (kCanonical) number = encoding::canonical(number);
    out.resize(out.size() + sizeof number);
    std::memcpy(out.data() + out.size() - sizeof number, &number, sizeof number);
    at += 8;
    return true;
  }
  uint64_t number = 0;
  if (tag > encoding::integer_set || !checked_varint(at, end, number)) return false;
  if (tag == encoding::integer) {
    encoding::put_varint(out, number);
    return true;
  }
  if (tag == encoding::string || tag == encoding::keyword) {
    const uint32_t symbol = number < kNoSymbol ? map(static_cast<uint32_t>(number)) : kNoSymbol;
    encoding::put_varint(out, symbol);
    return symbol != kNoSymbol;
  }
  if (number > static_cast<uint64_t>(end - at)) return false;
  const uint8_t* const stop = at + number;
  if (tag == encoding::integers || (tag == encoding::integer_set && !kCanonical)) {
    encoding::put_varint(out, number);
    out.insert(out.end(), at, stop);
    for (uint64_t ignored = 0; at != stop;) {
      if (!checked_varint(at, stop, ignored)) return false;
    }
    return true;
  }
  const size_t body = out.size() + 1;
  out.push_back(0);
  size_t count = 0;
  for (uint64_t difference = 0; at != stop; ++count) {
    if (tag != encoding::integer_set) {
      if (!translate_value<kCanonical>(at, stop, out, map, depth + 1)) return false;
    } else if (checked_varint(at, stop, difference)) {
      encoding::put_varint(out, difference);
    } else {
      return false;
    }
  }
  if (tag == encoding::map && count % 2 != 0) return false;
  if (kCanonical && tag != encoding::list) encoding::put_in_order(static_cast<encoding::Tag>(tag), out, body);
  const size_t length = out.size() - body;
  out[body - 1] = static_cast<uint8_t>(length);
  if (length >= 0x80) {
    std::vector<uint8_t> prefix;
    encoding::put_varint(prefix, length);
    out.insert(out.begin() + static_cast<ptrdiff_t>(body), prefix.size() - 1, 0);
    std::memcpy(out.data() + body - 1, prefix.data(), prefix.size());
  }
  return true;
}

}  // namespace riven::journal
