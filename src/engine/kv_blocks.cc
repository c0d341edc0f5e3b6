#include "engine/kv_blocks.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {

KvBlocks::KvBlocks(int num_blocks) : blocks_(static_cast<size_t>(num_blocks)), num_free_(num_blocks) {
  for (int block = 0; block < num_blocks; ++block) {
    blocks_[static_cast<size_t>(block)].place = free_.insert(free_.end(), block);
  }
}

size_t KvBlocks::KeyHash::operator()(const Key& key) const {
  uint64_t hash = key.before;
  for (const int32_t token : key.tokens) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0x9E37'79B9'7F4A'7C15;
    hash ^= hash >> 29;
  }
  return static_cast<size_t>(hash);
}

KvBlocks::Key KvBlocks::KeyOf(uint64_t before, Tokens tokens) {
  Key key{.before = before, .tokens = {}};
  std::copy(tokens.begin(), tokens.end(), key.tokens.begin());
  return key;
}

int32_t KvBlocks::Take() {
  if (free_.empty()) return -1;
  const int32_t number = free_.front();
  free_.pop_front();
  --num_free_;
  Block& block = blocks_[static_cast<size_t>(number)];
  if (block.key != nullptr) contents_.erase(contents_.find(*block.key));
  block.key = nullptr;
  block.owners = 1;
  return number;
}

void KvBlocks::Release(int32_t number) {
  Block& block = blocks_[static_cast<size_t>(number)];
  BANTAM_CHECK(block.owners > 0, "block {} is free already", number);
  if (--block.owners > 0) return;
  // What can never be found again is taken first.
  block.place = free_.insert(block.key == nullptr ? free_.begin() : free_.end(), number);
  ++num_free_;
}

std::optional<KvBlocks::Found> KvBlocks::Find(uint64_t before, Tokens tokens) {
  const auto found = contents_.find(KeyOf(before, tokens));
  if (found == contents_.end()) return std::nullopt;
  Block& block = blocks_[static_cast<size_t>(found->second.block)];
  if (block.owners++ == 0) {
    free_.erase(block.place);
    --num_free_;
  }
  return Found{found->second.block, found->second.name};
}

uint64_t KvBlocks::Publish(int32_t number, uint64_t before, Tokens tokens) {
  Block& block = blocks_[static_cast<size_t>(number)];
  BANTAM_CHECK(block.owners > 0 && block.key == nullptr);
  const auto [place, fresh] = contents_.try_emplace(KeyOf(before, tokens), Content{number, next_name_});
  if (fresh) {
    ++next_name_;
    block.key = &place->first;  // stays where it is when the table grows
  }
  return place->second.name;
}

}  // namespace bantam
