// For tests only: a small valid model folder, and named ways to break it (one per hostile case).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"

namespace bantam::testing {

// The bytes of a safetensors file with this header and data_bytes of zeros behind it, whatever the header says.
std::string SafetensorsBytes(std::string_view header, size_t data_bytes);
// The same with a header length of our choosing.
std::string SafetensorsBytes(uint64_t header_bytes, std::string_view header, size_t data_bytes);

// Two tensors, metadata, padding: 3 + 4 floats and 8 bytes of int64.
std::string ValidSafetensors();

// config.json, tokenizer.json, modules.json with pooling, sentence_bert_config.json, model.safetensors.
void WriteValidFolder(const Path& folder);
// The same with two shards and an index.
void WriteValidShardedFolder(const Path& folder);

struct HostileCase {
  std::string name;                         // begins with the number in the list of hostile inputs
  std::function<void(const Path&)> mutate;  // turns a valid folder into the case
  std::vector<std::string> message_parts;   // what the error must say; empty: the folder must open
};

// Cases about one weight file, about shards, about the JSON files.
std::vector<HostileCase> WeightFileCases();
std::vector<HostileCase> ShardCases();
std::vector<HostileCase> JsonCases();

}  // namespace bantam::testing
