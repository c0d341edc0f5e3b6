// A server's certificate with those that signed it, and its private key, read from PEM files and checked before a
// client sees them. libcrypto alone.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>

#include "base/file_io.h"
#include "base/result.h"

namespace bantam {

struct CertificatePair {
  struct Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::unique_ptr<X509, Free> certificate;
  std::unique_ptr<STACK_OF(X509), Free> chain;  // those that signed it, nearest first
  std::unique_ptr<EVP_PKEY, Free> key;
  int64_t expires = 0;  // seconds since 1970
};

// kBadConfig, with the file and the mend, for what is no PEM, for an encrypted key, for two that do not belong together
// and for a certificate whose time is over or has not begun.
Result<CertificatePair> ReadCertificatePair(const Path& certificate_file, const Path& key_file);

}  // namespace bantam
