#include "api/tls_certificate.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "net/testing/test_certificate.h"

namespace bantam {
namespace {

using testing::MakeTestCertificate;
using testing::TestCertificate;

class CertificatePairTest : public ::testing::Test {
 protected:
  Result<CertificatePair> Read(const std::string& certificate, const std::string& key) {
    EXPECT_OK(WriteFileAtomic(folder_ / "cert.pem", certificate));
    EXPECT_OK(WriteFileAtomic(folder_ / "key.pem", key));
    return ReadCertificatePair(folder_ / "cert.pem", folder_ / "key.pem");
  }
  void ExpectRefusal(const std::string& certificate, const std::string& key, std::string_view file,
                     std::string_view says) {
    const auto pair = Read(certificate, key);
    ASSERT_FALSE(pair) << says;
    EXPECT_EQ(pair.error().code, ErrorCode::kBadConfig);
    EXPECT_NE(pair.error().message.find(file), std::string::npos) << pair.error().message;
    EXPECT_NE(pair.error().message.find(says), std::string::npos) << pair.error().message;
    EXPECT_EQ(pair.error().message.find('\n'), std::string::npos) << pair.error().message;
  }

  testing::TempFolder folder_;
  const TestCertificate good_ = MakeTestCertificate();
};

TEST_F(CertificatePairTest, AChainAndItsKey) {
  const TestCertificate authority = MakeTestCertificate({.name = "authority", .rsa_bits = 2048});
  ASSERT_OK_AND_ASSIGN(const CertificatePair pair, Read(good_.certificate + authority.certificate, good_.key));
  EXPECT_EQ(sk_X509_num(pair.chain.get()), 1);
  EXPECT_NEAR(static_cast<double>(pair.expires - std::time(nullptr)), 3600, 60);
  EXPECT_OK(Read(good_.key + good_.certificate, good_.certificate + good_.key));  // one file for both
  EXPECT_OK(Read("# of our own making\n" + good_.certificate, good_.key));
}

TEST_F(CertificatePairTest, WhatIsNoPairIsRefusedWithItsFileAndTheMend) {
  const TestCertificate other = MakeTestCertificate({.name = "other"});
  ExpectRefusal("", good_.key, "cert.pem", "no certificate");
  ExpectRefusal(good_.key, good_.key, "cert.pem", "no certificate");
  ExpectRefusal(std::string("\x30\x82\x01\x00", 4), good_.key, "cert.pem", "PEM");  // DER
  ExpectRefusal(good_.certificate, "", "key.pem", "no private key");
  ExpectRefusal(good_.certificate, good_.certificate, "key.pem", "no private key");
  ExpectRefusal(good_.certificate, other.key, "key.pem", "does not belong");
  ExpectRefusal(other.certificate + good_.certificate, good_.key, "cert.pem", "certificate 2");
  ExpectRefusal(good_.certificate, MakeTestCertificate({.password = "secret"}).key, "key.pem", "openssl pkey");
  std::string broken = good_.certificate;
  broken[broken.size() / 2] = '!';
  ExpectRefusal(broken, good_.key, "cert.pem", "broken");
  ExpectRefusal(good_.certificate + broken, good_.key, "cert.pem", "certificate 2 of it is broken");
  ExpectRefusal(good_.certificate.substr(0, good_.certificate.size() / 2), good_.key, "cert.pem", "broken");
  std::string many;
  for (int i = 0; i < 17; ++i) many += good_.certificate;
  ExpectRefusal(many, good_.key, "cert.pem", "more than 16");
  ExpectRefusal(good_.certificate, std::string(size_t{2} << 20, 'x'), "key.pem", "--tls-key");
}

TEST_F(CertificatePairTest, OnlyWhileItLasts) {
  const TestCertificate over = MakeTestCertificate({.ends_s = -60});
  ExpectRefusal(over.certificate, over.key, "cert.pem", "renew");
  const TestCertificate early = MakeTestCertificate({.begins_s = 600});
  ExpectRefusal(early.certificate, early.key, "cert.pem", "begins on");
}

TEST_F(CertificatePairTest, AMissingFileIsNamed) {
  EXPECT_OK(WriteFileAtomic(folder_ / "cert.pem", good_.certificate));
  const auto pair = ReadCertificatePair(folder_ / "cert.pem", folder_ / "nowhere.pem");
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().code, ErrorCode::kBadConfig);
  EXPECT_NE(pair.error().message.find("nowhere.pem"), std::string::npos) << pair.error().message;
}

}  // namespace
}  // namespace bantam
