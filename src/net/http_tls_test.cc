// TLS is verified: a server with a certificate that nobody vouches for is refused before it sees the request.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <thread>

#include "base/testing.h"
#include "net/http_client.h"
#include "net/testing/test_certificate.h"

namespace bantam {
namespace {

// An HTTPS server with a certificate for 127.0.0.1 that is signed by itself.
class TlsServer {
 public:
  explicit TlsServer(const Path& certificate_file) : context_(SSL_CTX_new(TLS_server_method())) {
    const testing::TestCertificate made = testing::MakeTestCertificate({.alternatives = "IP:127.0.0.1"});
    const Path key_file = certificate_file.string() + ".key";
    EXPECT_OK(WriteFileAtomic(certificate_file, made.certificate));
    EXPECT_OK(WriteFileAtomic(key_file, made.key));
    SSL_CTX_use_certificate_file(context_, certificate_file.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_, key_file.c_str(), SSL_FILETYPE_PEM);

    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length);
    ::listen(listener_.get(), 8);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TlsServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept
    thread_.join();
    SSL_CTX_free(context_);
  }
  std::string Url(std::string_view host = "127.0.0.1") const { return fmt::format("https://{}:{}/", host, port_); }
  int requests() const { return requests_; }

 private:
  void Serve() {
    for (;;) {
      UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd.valid()) return;
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd.get());
      char buffer[4096];
      if (SSL_accept(ssl) == 1 && SSL_read(ssl, buffer, sizeof buffer) > 0) {
        ++requests_;
        constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        SSL_write(ssl, kAnswer.data(), static_cast<int>(kAnswer.size()));
        SSL_shutdown(ssl);
      }
      SSL_free(ssl);
    }
  }

  SSL_CTX* context_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

TEST(HttpTls, OnlyTrustedCertificates) {
  std::signal(SIGPIPE, SIG_IGN);
  testing::TempFolder folder;
  TlsServer server(folder / "ca.pem");
  const auto untrusted = HttpClient().Send({.url = server.Url()}, {});
  ASSERT_FALSE(untrusted.has_value());
  EXPECT_EQ(untrusted.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(untrusted.error().message.find("cannot trust https://127.0.0.1"), std::string::npos)
      << untrusted.error().message;
  EXPECT_EQ(server.requests(), 0);

  ASSERT_OK_AND_ASSIGN(IncomingResponse trusted,
                       HttpClient().Send({.url = server.Url(), .ca_file = folder / "ca.pem"}, {}));
  EXPECT_EQ(trusted.body, "ok");
  EXPECT_EQ(server.requests(), 1);

  // The right authority, another name.
  const auto other_name = HttpClient().Send({.url = server.Url("localhost"), .ca_file = folder / "ca.pem"}, {});
  ASSERT_FALSE(other_name.has_value());
  EXPECT_EQ(server.requests(), 1);
}

TEST(HttpTls, PlainServerOnAnHttpsAddress) {
  testing::TempFolder folder;
  TlsServer server(folder / "ca.pem");
  const auto r = HttpClient().Send({.url = "http" + server.Url().substr(5)}, {});  // http to a TLS port
  EXPECT_FALSE(r.has_value());
}

}  // namespace
}  // namespace bantam
