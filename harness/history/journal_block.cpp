#include "harness/history/journal_block.h"

#define XXH_INLINE_ALL  // the header alone: no library to link
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/history/translate.h"

namespace riven::journal {

static_assert(std::endian::native == std::endian::little, "the journal's numbers are written as they lie");

namespace {

template <typename T>
void put_number(std::vector<uint8_t>& out, T number) {
  const size_t at = out.size();
  out.resize(at + sizeof number);
  std::memcpy(out.data() + at, &number, sizeof number);
}

template <typename T>
T get_number(std::string_view bytes, size_t at) {
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

void put_column(std::vector<uint8_t>& out, const std::vector<uint8_t>& column) {
  encoding::put_varint(out, column.size());
  out.insert(out.end(), column.begin(), column.end());
}

}  // namespace

void put_block(std::vector<uint8_t>& out, BlockKind kind, uint32_t entries, uint64_t first_entry,
               const std::vector<uint8_t>& raw) {
  const size_t start = out.size();
  out.resize(start + kBlockHeaderBytes);
  const size_t room = ZSTD_compressBound(raw.size());
  out.resize(start + kBlockHeaderBytes + std::max(room, raw.size()));
  uint8_t* const payload = out.data() + start + kBlockHeaderBytes;
  constexpr int kLevel = 1;
  size_t stored = ZSTD_compress(payload, room, raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(stored) != 0 || stored >= raw.size()) {
    stored = raw.size();
    if (stored > 0) std::memcpy(payload, raw.data(), stored);
  }
  out.resize(start + kBlockHeaderBytes + stored);

  std::vector<uint8_t> header(kBlockMagic.begin(), kBlockMagic.end());
  put_number<uint32_t>(header, kind);
  put_number(header, entries);
  put_number(header, static_cast<uint32_t>(stored));
  put_number(header, static_cast<uint32_t>(raw.size()));
  put_number(header, first_entry);
  put_number<uint64_t>(header, XXH3_64bits(out.data() + start + kBlockHeaderBytes, stored));
  put_number<uint64_t>(header, XXH3_64bits(header.data(), header.size()));
  std::memcpy(out.data() + start, header.data(), kBlockHeaderBytes);
}

std::optional<BlockHeader> parse_block_header(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes || !bytes.starts_with(kBlockMagic)) return std::nullopt;
  constexpr size_t kHashed = kBlockHeaderBytes - 8;
  if (get_number<uint64_t>(bytes, kHashed) != XXH3_64bits(bytes.data(), kHashed)) return std::nullopt;
  BlockHeader header;
  header.kind = get_number<uint32_t>(bytes, 8);
  header.entries = get_number<uint32_t>(bytes, 12);
  header.stored_bytes = get_number<uint32_t>(bytes, 16);
  header.raw_bytes = get_number<uint32_t>(bytes, 20);
  header.first_entry = get_number<uint64_t>(bytes, 24);
  header.payload_hash = get_number<uint64_t>(bytes, 32);
  // An entry has at least four raw bytes: meta, process, time, value.
  if (header.raw_bytes > kMaxRawBytes || header.stored_bytes > header.raw_bytes ||
      header.entries > header.raw_bytes / 4)
    return std::nullopt;
  return header;
}

bool unpack_payload(const BlockHeader& header, std::string_view stored, std::vector<uint8_t>& raw) {
  if (stored.size() != header.stored_bytes ||
      XXH3_64bits(stored.data(), stored.size()) != header.payload_hash)
    return false;
  if (header.stored_bytes == header.raw_bytes) {
    raw.assign(stored.begin(), stored.end());
    return true;
  }
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != header.raw_bytes) return false;
  raw.resize(header.raw_bytes);
  return ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size()) == header.raw_bytes;
}

void Staging::add(const Op& op) {
  const auto entry = static_cast<uint32_t>(size());
  times.push_back(op.time_ns);
  processes.push_back(op.process);
  types.push_back(static_cast<uint8_t>(op.type));
  functions.push_back(op.f);
  ValueWriter(values).value(op.value);
  if (op.index >= 0 && static_cast<uint64_t>(op.index) != first_entry + entry)
    indices.emplace_back(entry, op.index);
  if (!op.error.is_nil()) {
    error_entries.push_back(entry);
    ValueWriter(errors).value(op.error);
  }
}

void Staging::clear() {
  times.clear();
  processes.clear();
  types.clear();
  functions.clear();
  values.clear();
  indices.clear();
  error_entries.clear();
  errors.clear();
}

uint32_t BlockEncoder::text_id(Symbol s) {
  if (s.id() >= ids_.size()) ids_.resize(std::max<size_t>(s.id() + 1, ids_.size() * 2), 0);
  uint32_t& id = ids_[s.id()];
  if (id == 0) {
    texts_.push_back(s);
    id = static_cast<uint32_t>(texts_.size());
  }
  return id - 1;
}

void BlockEncoder::translate(const uint8_t*& at, const uint8_t* stop, std::vector<uint8_t>& to) {
  const uint8_t* const start = at;
  const size_t length = to.size();
  if (translate_value<false>(at, stop, to, [&](uint32_t id) { return text_id(Symbol::from_id(id)); })) return;
  to.resize(length);
  ValueWriter(to).string(Symbol::from_id(text_id(Symbol(to_edn(ValueView(start).to_value())))));
  at = skip_value(start);
}

void BlockEncoder::put_values(const Staging& staging) {
  values_.clear();
  const uint8_t* at = staging.values.data();
  const uint8_t* const stop = at + staging.values.size();
  while (at != stop) translate(at, stop, values_);

  errors_.clear();
  at = staging.errors.data();
  uint32_t before = 0;
  for (const uint32_t entry : staging.error_entries) {
    encoding::put_varint(errors_, entry - before);
    translate(at, staging.errors.data() + staging.errors.size(), errors_);
    before = entry;
  }
}

void BlockEncoder::encode(const Staging& staging, std::vector<uint8_t>& raw) {
  for (const Symbol s : texts_) ids_[s.id()] = 0;
  texts_.clear();
  put_values(staging);

  std::vector<Symbol> functions;
  std::vector<uint8_t> meta;
  size_t last = 0;
  for (size_t i = 0; i < staging.size(); ++i) {
    const Symbol f = staging.functions[i];
    if (last >= functions.size() || functions[last] != f) {
      last = static_cast<size_t>(std::find(functions.begin(), functions.end(), f) - functions.begin());
      if (last == functions.size()) functions.push_back(f);
    }
    encoding::put_varint(meta, last << 2 | staging.types[i]);
  }
  std::vector<uint32_t> function_texts;
  for (const Symbol f : functions) function_texts.push_back(text_id(f));

  raw.clear();
  encoding::put_varint(raw, texts_.size());
  for (const Symbol s : texts_) {
    encoding::put_varint(raw, s.text().size());
    raw.insert(raw.end(), s.text().begin(), s.text().end());
  }
  encoding::put_varint(raw, functions.size());
  for (const uint32_t text : function_texts) encoding::put_varint(raw, text);
  put_column(raw, meta);

  column_.clear();
  for (const Process p : staging.processes) encoding::put_varint(column_, encoding::zigzag(p));
  put_column(raw, column_);
  column_.clear();
  int64_t before = 0;
  for (const int64_t time : staging.times) {
    encoding::put_varint(column_, encoding::zigzag(encoding::wrapping_difference(time, before)));
    before = time;
  }
  put_column(raw, column_);
  column_.clear();
  if (!staging.indices.empty()) {
    auto next = staging.indices.begin();
    for (size_t i = 0; i < staging.size(); ++i) {
      const auto position = static_cast<int64_t>(staging.first_entry + i);
      const bool given = next != staging.indices.end() && next->first == i;
      encoding::put_varint(
          column_, encoding::zigzag(given ? encoding::wrapping_difference((next++)->second, position) : 0));
    }
  }
  put_column(raw, column_);
  put_column(raw, errors_);
  put_column(raw, values_);
}

namespace {

/// A part of a block's raw bytes, read with checks.
struct Cursor {
  const uint8_t* at = nullptr;
  const uint8_t* end = nullptr;
  bool varint(uint64_t& out) { return checked_varint(at, end, out); }
  bool part(Cursor& out) {
    uint64_t length = 0;
    if (!varint(length) || length > static_cast<uint64_t>(end - at)) return false;
    out = {at, at + length};
    at += length;
    return true;
  }
  bool done() const { return at == end; }
};

struct Columns {
  std::vector<Symbol> texts;
  std::vector<uint16_t> functions;
  Cursor meta, processes, times, indices, errors, values;
};

bool split_columns(const std::vector<uint8_t>& raw, HistoryBuilder& into, Columns& columns) {
  Cursor cursor{raw.data(), raw.data() + raw.size()};
  uint64_t count = 0;
  if (!cursor.varint(count) || count > raw.size()) return false;
  for (; count > 0; --count) {
    Cursor text;
    if (!cursor.part(text)) return false;
    columns.texts.emplace_back(
        std::string_view(reinterpret_cast<const char*>(text.at), static_cast<size_t>(text.end - text.at)));
  }
  if (!cursor.varint(count) || count > UINT16_MAX || into.function_count() + count >= UINT16_MAX)
    return false;
  for (; count > 0; --count) {
    uint64_t text = 0;
    if (!cursor.varint(text) || text >= columns.texts.size()) return false;
    columns.functions.push_back(into.function_id(columns.texts[text]));
  }
  return cursor.part(columns.meta) && cursor.part(columns.processes) && cursor.part(columns.times) &&
         cursor.part(columns.indices) && cursor.part(columns.errors) && cursor.part(columns.values) &&
         cursor.done();
}

bool decode_scalars(Columns& columns, HistoryBuilder::Bulk& bulk) {
  int64_t time = 0;
  uint64_t number = 0;
  const size_t n = bulk.types.size();
  for (size_t i = 0; i < n; ++i) {
    if (!columns.meta.varint(number) || number >> 2 >= columns.functions.size()) return false;
    bulk.types[i] = static_cast<uint8_t>(number & 3);
    bulk.function_ids[i] = columns.functions[number >> 2];
  }
  for (size_t i = 0; i < n; ++i) {
    if (!columns.processes.varint(number)) return false;
    const int64_t process = encoding::unzigzag(number);
    if (process < INT32_MIN || process > INT32_MAX) return false;
    bulk.processes[i] = static_cast<Process>(process);
  }
  for (size_t i = 0; i < n; ++i) {
    if (!columns.times.varint(number)) return false;
    time = encoding::wrapping_sum(time, encoding::unzigzag(number));
    bulk.times_ns[i] = time;
  }
  return columns.meta.done() && columns.processes.done() && columns.times.done();
}

bool decode_values(Columns& columns, HistoryBuilder::Bulk& bulk, std::vector<uint8_t>& arena) {
  const auto map = [&](uint32_t id) {
    return id < columns.texts.size() ? columns.texts[id].id() : kNoSymbol;
  };
  for (uint64_t& value : bulk.values) {
    value = arena.size();
    if (!translate_value<true>(columns.values.at, columns.values.end, arena, map)) return false;
  }
  return columns.values.done();
}

bool decode_errors(Columns& columns, size_t first, size_t n, HistoryBuilder& into) {
  const auto map = [&](uint32_t id) {
    return id < columns.texts.size() ? columns.texts[id].id() : kNoSymbol;
  };
  uint64_t entry = 0;
  for (bool is_first = true; !columns.errors.done(); is_first = false) {
    uint64_t step = 0;
    if (!columns.errors.varint(step) || (step == 0 && !is_first) || step >= n || entry + step >= n)
      return false;
    entry += step;
    into.bulk_error(first + entry, into.value_bytes().size());
    if (!translate_value<true>(columns.errors.at, columns.errors.end, into.value_bytes(), map)) return false;
  }
  return true;
}

bool decode_indices(Columns& columns, uint64_t first_entry, size_t first, size_t n, HistoryBuilder& into) {
  const bool given = !columns.indices.done();
  if (!given && first_entry == first) return true;
  for (size_t i = 0; i < n; ++i) {
    uint64_t number = 0;
    if (given && !columns.indices.varint(number)) return false;
    into.bulk_source_index(
        first + i, encoding::wrapping_sum(static_cast<int64_t>(first_entry + i), encoding::unzigzag(number)));
  }
  return columns.indices.done();
}

}  // namespace

bool decode_entries(const std::vector<uint8_t>& raw, uint32_t entries, uint64_t first_entry,
                    HistoryBuilder& into) {
  Columns columns;
  const size_t first = into.size();
  const uint64_t value_bytes = into.value_bytes().size();
  if (!split_columns(raw, into, columns)) return false;
  HistoryBuilder::Bulk bulk = into.append_bulk(entries);
  if (decode_scalars(columns, bulk) && decode_values(columns, bulk, into.value_bytes()) &&
      decode_errors(columns, first, entries, into) &&
      decode_indices(columns, first_entry, first, entries, into))
    return true;
  into.truncate(first, value_bytes);
  return false;
}

}  // namespace riven::journal
