// Of OpenSSL's interface what base/ uses (SHA-256, base64), for builds without libcrypto (cmake/CrossLibraries.cmake).
#pragma once

#include <stddef.h>

struct EVP_MD;
struct EVP_MD_CTX;

EVP_MD_CTX* EVP_MD_CTX_new();
void EVP_MD_CTX_free(EVP_MD_CTX* context);
EVP_MD* EVP_MD_fetch(void* context, const char* name, const char* properties);  // null: there is no other digest here
int EVP_DigestInit_ex(EVP_MD_CTX* context, const EVP_MD* digest, void* engine);
int EVP_DigestUpdate(EVP_MD_CTX* context, const void* bytes, size_t size);
int EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* digest, unsigned* size);
// out: 4 characters for each 3 bytes begun, and a 0; returns how many without it.
int EVP_EncodeBlock(unsigned char* out, const unsigned char* bytes, int size);
