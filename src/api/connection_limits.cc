#include "api/connection_limits.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <algorithm>

namespace bantam {
namespace {
constexpr size_t kOtherFiles = 256;
}  // namespace

ConnectionLimits::Verdict ConnectionLimits::Add(std::string_view address) {
  const bool welcome = ++count_ <= most_;
  const std::string client = ClientOfAddress(address);
  const bool within = client.empty() || ++of_client_[client] <= most_of_address_ || most_of_address_ == 0;
  return !welcome ? Verdict::kTooMany : within ? Verdict::kWelcome : Verdict::kTooManyOfAddress;
}

void ConnectionLimits::Remove(std::string_view address) {
  --count_;
  const auto found = of_client_.find(ClientOfAddress(address));
  if (found != of_client_.end() && --found->second == 0) of_client_.erase(found);
}

std::string ClientOfAddress(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));  // without the interface of a link-local one
  in_addr v4{};
  in6_addr v6{};
  const bool is_v4 = ::inet_pton(AF_INET, text.c_str(), &v4) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return {};
  const auto* bytes = is_v4 ? reinterpret_cast<const char*>(&v4) : reinterpret_cast<const char*>(&v6);
  std::string_view key(bytes, is_v4 ? 4 : 8);
  if (!is_v4 && IN6_IS_ADDR_V4MAPPED(&v6)) key = {bytes + 12, 4};
  const bool loopback = key.size() == 4 ? key[0] == 127 : IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  return loopback ? std::string() : std::string(key);
}

size_t ConnectionsThatFit(size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < wanted + kOtherFiles && limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{std::min<rlim_t>(limit.rlim_max, wanted + kOtherFiles), limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur == RLIM_INFINITY) return wanted;
  const auto files = static_cast<size_t>(limit.rlim_cur);
  return std::min(wanted, files > 2 * kOtherFiles ? files - kOtherFiles : std::max<size_t>(files / 2, 1));
}

}  // namespace bantam
