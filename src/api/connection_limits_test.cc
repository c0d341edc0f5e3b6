#include "api/connection_limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <tuple>

namespace bantam {
namespace {

using Verdict = ConnectionLimits::Verdict;

TEST(ConnectionLimits, AllAndEach) {
  ConnectionLimits limits(4, 2);
  EXPECT_EQ(limits.Add("192.0.2.1"), Verdict::kWelcome);
  EXPECT_EQ(limits.Add("192.0.2.1"), Verdict::kWelcome);
  EXPECT_EQ(limits.Add("192.0.2.1"), Verdict::kTooManyOfAddress);
  limits.Remove("192.0.2.1");
  EXPECT_EQ(limits.Add("192.0.2.2"), Verdict::kWelcome);
  EXPECT_EQ(limits.Add("192.0.2.3"), Verdict::kWelcome);
  EXPECT_EQ(limits.Add("192.0.2.4"), Verdict::kTooMany);
  EXPECT_EQ(limits.count(), 5u);
  for (const char* address : {"192.0.2.4", "192.0.2.3", "192.0.2.2", "192.0.2.1", "192.0.2.1"}) limits.Remove(address);
  EXPECT_EQ(limits.count(), 0u);
  EXPECT_EQ(limits.Add("192.0.2.1"), Verdict::kWelcome);
}

TEST(ConnectionLimits, ThisMachineHasNoLimitOfItsOwn) {
  ConnectionLimits limits(1000, 1);
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", ""}) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(limits.Add(address), Verdict::kWelcome) << address;
  }
  ConnectionLimits none(1000, 0);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(none.Add("192.0.2.1"), Verdict::kWelcome);
}

TEST(ConnectionLimits, ANetworkOfIpv6IsOneClient) {
  EXPECT_EQ(ClientOfAddress("2001:db8:1:2::1"), ClientOfAddress("2001:db8:1:2:ffff::9"));
  EXPECT_NE(ClientOfAddress("2001:db8:1:2::1"), ClientOfAddress("2001:db8:1:3::1"));
  EXPECT_EQ(ClientOfAddress("::ffff:192.0.2.1"), ClientOfAddress("192.0.2.1"));
  EXPECT_EQ(ClientOfAddress("fe80::1%eth0"), ClientOfAddress("fe80::2"));
  EXPECT_EQ(ClientOfAddress("no address"), "");
}

TEST(ConnectionLimits, NoMoreThanFilesMayBeOpen) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (const auto& [files, wanted, expected] :
       {std::tuple<rlim_t, size_t, size_t>{64, 16'384, 32}, {1024, 16'384, 768}, {1024, 100, 100}}) {
    const rlimit few{files, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const size_t fitting = ConnectionsThatFit(wanted);
    // A hard limit that is higher lets the soft one rise.
    EXPECT_GE(fitting, expected) << files;
    EXPECT_LE(fitting, wanted) << files;
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace bantam
