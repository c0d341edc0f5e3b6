#include "base/aead.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

TEST(Aead, OpensWhatItSealed) {
  AeadKey key{};
  key[5] = 9;
  for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'x')}) {
    ASSERT_OK_AND_ASSIGN(const std::string sealed, Seal(key, "record 7", text));
    EXPECT_EQ(sealed.size(), text.size() + 28);
    EXPECT_EQ(Unseal(key, "record 7", sealed), text);
    ASSERT_OK_AND_ASSIGN(const std::string again, Seal(key, "record 7", text));
    EXPECT_NE(sealed, again);  // another nonce
  }
}

// Test case 14 of the GCM specification (McGrew, Viega): a key and a text of zeros.
TEST(Aead, IsAes256Gcm) {
  std::string sealed(12, '\0');
  for (const int byte :
       {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
        0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19})
    sealed += static_cast<char>(byte);
  EXPECT_EQ(Unseal(AeadKey{}, "", sealed), std::string(16, '\0'));
}

TEST(Aead, RefusesWhatWasChanged) {
  AeadKey key{}, other{};
  other[31] = 1;
  ASSERT_OK_AND_ASSIGN(const std::string sealed, Seal(key, "record 7", "secret"));
  EXPECT_FALSE(Unseal(other, "record 7", sealed));
  EXPECT_FALSE(Unseal(key, "record 8", sealed));
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(Unseal(key, "record 7", changed)) << i;
    EXPECT_FALSE(Unseal(key, "record 7", std::string_view(sealed).substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace bantam
