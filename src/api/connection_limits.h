// How many connections a server has at once, in all and from one address. Used on the I/O thread alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bantam {

class ConnectionLimits {
 public:
  enum class Verdict { kWelcome, kTooMany, kTooManyOfAddress };

  // `most_of_address` 0: as many as there are in all.
  ConnectionLimits(size_t most, size_t most_of_address) : most_(most), most_of_address_(most_of_address) {}

  // Counts it, welcome or not. `address` as text, empty for a Unix socket; loopback addresses have no limit of their
  // own.
  Verdict Add(std::string_view address);
  void Remove(std::string_view address);  // as it was added

  size_t count() const { return count_; }
  size_t most() const { return most_; }

 private:
  size_t most_, most_of_address_;
  size_t count_ = 0;
  std::unordered_map<std::string, size_t> of_client_;  // but for loopback
};

// Whose connections count together: an IPv4 address; of IPv6 the first 64 bits, for a network hands out so many to a
// single machine. Empty for loopback, and for what is no address.
std::string ClientOfAddress(std::string_view address);

// As many of `wanted` as the process may have open files for, beside those of models, logs and caches. Raises the soft
// limit (ulimit -Sn) as far as the hard one allows.
size_t ConnectionsThatFit(size_t wanted);

}  // namespace bantam
