#include "api/tls_certificate.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "base/text_util.h"
#include "base/utc_time.h"

namespace bantam {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 20;
constexpr int kMostCertificates = 16;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

Bio BioOf(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// The part of a file name that a message shows.
std::string Shown(const Path& path) { return EscapeForTerminal(path.string(), 400); }

// A file that is not there is the configuration's fault, too.
Result<std::string> ReadPem(std::string_view option, const Path& file) {
  auto text = ReadFile(file, kMostBytes);
  if (!text) return Err(ErrorCode::kBadConfig, "{} {}", option, text.error().message);
  return text;
}

int64_t SecondsOf(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(::timegm(&parts)) : 0;
}

Status ReadChain(const Path& file, CertificatePair& pair) {
  BANTAM_TRY(const std::string text, ReadPem("--tls-cert", file));
  const Bio bio = BioOf(text);
  pair.chain.reset(sk_X509_new_null());
  for (int number = 1; number <= kMostCertificates; ++number) {
    ERR_clear_error();
    std::unique_ptr<X509, CertificatePair::Free> next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) {
      const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      ERR_clear_error();
      if (end && number > 1) return Ok();
      if (end) {
        return Err(ErrorCode::kBadConfig,
                   "--tls-cert {}: there is no certificate in it; it takes PEM (-----BEGIN CERTIFICATE-----), the "
                   "server's own first, then those that signed it",
                   Shown(file));
      }
      return Err(ErrorCode::kBadConfig, "--tls-cert {}: certificate {} of it is broken; copy the file again",
                 Shown(file), number);
    }
    if (number == 1) {
      pair.certificate = std::move(next);
    } else {
      sk_X509_push(pair.chain.get(), next.release());
    }
  }
  return Err(ErrorCode::kBadConfig,
             "--tls-cert {}: it has more than {} certificates; leave out those that did not sign the server's own",
             Shown(file), kMostCertificates);
}

Status ReadKey(const Path& file, CertificatePair& pair) {
  BANTAM_TRY(std::string text, ReadPem("--tls-key", file));
  bool encrypted = false;
  const auto no_password = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  pair.key.reset(PEM_read_bio_PrivateKey(BioOf(text).get(), nullptr, no_password, &encrypted));
  ERR_clear_error();
  OPENSSL_cleanse(text.data(), text.size());
  if (encrypted) {
    return Err(ErrorCode::kBadConfig,
               "--tls-key {}: the key is encrypted, and a server has nobody to ask for the password; decrypt it with: "
               "openssl pkey -in {} -out FILE",
               Shown(file), Shown(file));
  }
  if (pair.key == nullptr) {
    return Err(ErrorCode::kBadConfig,
               "--tls-key {}: there is no private key in it that OpenSSL can read; it takes PEM (-----BEGIN PRIVATE "
               "KEY-----)",
               Shown(file));
  }
  return Ok();
}

Status CheckTogether(const CertificatePair& pair, const Path& certificate_file, const Path& key_file) {
  const auto belongs = [&](X509* certificate) {
    const bool yes = X509_check_private_key(certificate, pair.key.get()) == 1;
    ERR_clear_error();
    return yes;
  };
  if (belongs(pair.certificate.get())) return Ok();
  for (int i = 0; i < sk_X509_num(pair.chain.get()); ++i) {
    if (!belongs(sk_X509_value(pair.chain.get(), i))) continue;
    return Err(ErrorCode::kBadConfig,
               "--tls-cert {}: the key in {} belongs to certificate {} of it; put that one first, then those that "
               "signed it",
               Shown(certificate_file), Shown(key_file), i + 2);
  }
  return Err(ErrorCode::kBadConfig,
             "--tls-key {}: the key does not belong to the certificate in {}; give the two that were made together",
             Shown(key_file), Shown(certificate_file));
}

Status CheckTime(CertificatePair& pair, const Path& certificate_file) {
  const int64_t begins = SecondsOf(X509_get0_notBefore(pair.certificate.get()));
  pair.expires = SecondsOf(X509_get0_notAfter(pair.certificate.get()));
  const int64_t now = std::time(nullptr);
  if (now >= pair.expires) {
    return Err(ErrorCode::kBadConfig, "--tls-cert {}: the certificate ended on {}; renew it", Shown(certificate_file),
               UtcTimeText(pair.expires));
  }
  if (now < begins) {
    return Err(ErrorCode::kBadConfig,
               "--tls-cert {}: the certificate begins on {} only; wait until then, or set this machine's clock",
               Shown(certificate_file), UtcTimeText(begins));
  }
  return Ok();
}

}  // namespace

Result<CertificatePair> ReadCertificatePair(const Path& certificate_file, const Path& key_file) {
  CertificatePair pair;
  BANTAM_RETURN_IF_ERROR(ReadChain(certificate_file, pair));
  BANTAM_RETURN_IF_ERROR(ReadKey(key_file, pair));
  BANTAM_RETURN_IF_ERROR(CheckTogether(pair, certificate_file, key_file));
  BANTAM_RETURN_IF_ERROR(CheckTime(pair, certificate_file));
  return pair;
}

}  // namespace bantam
