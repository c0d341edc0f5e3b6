// The part of the result cache that is in memory: least recently used goes first, bounded in entries and bytes.
#pragma once

#include <cstring>
#include <list>
#include <string>
#include <unordered_map>

#include "base/sha256.h"

namespace bantam {

// One thread at a time.
class CacheFront {
 public:
  struct Entry {
    Sha256Digest key;
    std::string value;
    int64_t created_us = 0;
    int64_t touched_us = 0;  // when the disk was last told that it is used
  };

  CacheFront(size_t max_entries, size_t max_bytes) : max_entries_(max_entries), max_bytes_(max_bytes) {}

  // Moves the entry to the front of the queue; valid until the next call.
  Entry* Find(const Sha256Digest& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &*found->second;
  }

  void Put(Entry entry) {
    Erase(entry.key);
    if (max_entries_ == 0 || Size(entry) > max_bytes_) return;
    bytes_ += Size(entry);
    entries_.push_front(std::move(entry));
    index_[entries_.front().key] = entries_.begin();
    while (entries_.size() > max_entries_ || bytes_ > max_bytes_) Erase(Sha256Digest(entries_.back().key));
  }

  void Erase(const Sha256Digest& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    bytes_ -= Size(*found->second);
    entries_.erase(found->second);
    index_.erase(found);
  }

  void Clear() {
    index_.clear();
    entries_.clear();
    bytes_ = 0;
  }

  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Hash {  // a digest is as random as a hash can be
    size_t operator()(const Sha256Digest& key) const {
      size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  static size_t Size(const Entry& entry) {
    return entry.value.size() + 160;
  }  // nodes, key and allocator included, roughly

  const size_t max_entries_, max_bytes_;
  std::list<Entry> entries_;
  std::unordered_map<Sha256Digest, std::list<Entry>::iterator, Hash> index_;
  size_t bytes_ = 0;
};

}  // namespace bantam
