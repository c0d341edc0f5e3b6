#include "net/testing/test_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstring>

namespace bantam::testing {
namespace {

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

TestCertificate MakeTestCertificate(const TestCertificateOptions& options) {
  EVP_PKEY* key = options.rsa_bits > 0 ? EVP_RSA_gen(options.rsa_bits) : EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.begins_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.ends_s);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(options.name), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, options.alternatives);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());

  TestCertificate made;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  made.certificate = TakeText(bio);
  bio = BIO_new(BIO_s_mem());
  const auto* password = reinterpret_cast<const unsigned char*>(options.password);
  PEM_write_bio_PrivateKey(bio, key, password == nullptr ? nullptr : EVP_aes_256_cbc(), password,
                           password == nullptr ? 0 : static_cast<int>(std::strlen(options.password)), nullptr, nullptr);
  made.key = TakeText(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

}  // namespace bantam::testing
