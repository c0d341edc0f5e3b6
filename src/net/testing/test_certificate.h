// For tests only: a certificate for 127.0.0.1 and localhost, signed by itself, as PEM.
#pragma once

#include <string>

namespace bantam::testing {

struct TestCertificate {
  std::string certificate, key;
};

struct TestCertificateOptions {
  const char* name = "test";
  const char* alternatives = "IP:127.0.0.1,DNS:localhost";
  long begins_s = -3600, ends_s = 3600;  // from now
  unsigned rsa_bits = 0;                 // 0: a key on the curve P-256
  const char* password = nullptr;        // of the key
};

TestCertificate MakeTestCertificate(const TestCertificateOptions& options = {});

}  // namespace bantam::testing
