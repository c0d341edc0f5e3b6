// A real server behind TLS, spoken to by OpenSSL's own client and by raw sockets that break the rules.
#include "api/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>
#include <random>

#include "api/testing/http_server_fixture.h"
#include "base/log.h"
#include "net/testing/test_certificate.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using testing::Client;
using testing::MakeTestCertificate;
using testing::TestCertificate;

struct Offer {
  int lowest = TLS1_2_VERSION, highest = TLS1_3_VERSION;
  std::string_view protocols = {};  // of ALPN, each with its length in front
};

// Speaks TLS over the socket of a Client.
class TlsClient : public Client {
 public:
  explicit TlsClient(int port, Offer offer = {}, int receive_buffer = 0) : Client(port, receive_buffer) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, offer.lowest);
    SSL_CTX_set_max_proto_version(context_, offer.highest);
    ssl_ = SSL_new(context_);
    if (!offer.protocols.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(offer.protocols.data()),
                          static_cast<unsigned>(offer.protocols.size()));
    }
    SSL_set_fd(ssl_, fd_.get());
    connected_ = SSL_connect(ssl_) == 1;
    ERR_clear_error();
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }
  bool connected() const { return connected_; }
  SSL* ssl() { return ssl_; }
  size_t Send(std::string_view bytes) {
    const int sent = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  std::string Receive(size_t wanted = std::string::npos) {
    std::string out;
    char buffer[65536];
    while (out.size() < wanted) {
      pollfd ready{fd_.get(), POLLIN, 0};
      if (SSL_pending(ssl_) == 0 && ::poll(&ready, 1, 5000) <= 0) return out + "<timeout>";
      const int got = SSL_read(ssl_, buffer, sizeof buffer);
      end_ = got > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_, got);
      ERR_clear_error();
      if (got <= 0) return out;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  int end() const { return end_; }  // what the last read ended with
  void SayEnd() { SSL_shutdown(ssl_); }

 private:
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  int end_ = SSL_ERROR_NONE;
};

class TlsServerTest : public testing::HttpServerFixture {
 protected:
  TlsServerTest() { std::signal(SIGPIPE, SIG_IGN); }
  void StartTls(ServerOptions options = {}, const TestCertificate& made = MakeTestCertificate()) {
    Write(made);
    options.tls_certificate = folder_ / "cert.pem";
    options.tls_key = folder_ / "key.pem";
    Start(options);
  }
  void Write(const TestCertificate& made) {
    EXPECT_OK(WriteFileAtomic(folder_ / "cert.pem", made.certificate));
    EXPECT_OK(WriteFileAtomic(folder_ / "key.pem", made.key));
  }
  std::string AskTls(std::string_view request) {
    TlsClient client(server_->port());
    client.Send(request);
    return client.Receive();
  }
  bool FailedHandshakes(uint64_t count) {
    return Eventually([&] { return server_->gauges().handshakes_failed == count; });
  }

  testing::TempFolder folder_;
};

constexpr std::string_view kGet = "GET /light HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kClose = "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr std::string_view kHold = "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_F(TlsServerTest, BothVersionsAndBothKindsOfKeys) {
  StartTls({}, MakeTestCertificate({.rsa_bits = 2048}));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(server_->port(), {.lowest = version, .highest = version, .protocols = "\x02h2\x08http/1.1"});
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(SSL_version(client.ssl()), version);
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &protocol, &size);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(protocol), size), "http/1.1");
    // Requests in a row, with bodies, and several records for one.
    client.Send(kGet);
    EXPECT_EQ(StatusOf(client.Receive(1)), 200);
    client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-");
    client.Send("Length: 6\r\nConnection: close\r\n\r\nabc");
    client.Send("def");
    EXPECT_TRUE(client.Receive().ends_with("POST /echo abcdef"));
    EXPECT_EQ(client.end(), SSL_ERROR_ZERO_RETURN);  // and not cut off
  }
  EXPECT_EQ(server_->gauges().handshakes_failed, 0u);
}

TEST_F(TlsServerTest, OldVersionsAndOtherProtocolsAreRefused) {
  StartTls();
  EXPECT_FALSE(TlsClient(server_->port(), {.lowest = TLS1_VERSION, .highest = TLS1_1_VERSION}).connected());
  EXPECT_FALSE(TlsClient(server_->port(), {.protocols = "\x02h2"}).connected());
  EXPECT_TRUE(FailedHandshakes(2));
  EXPECT_EQ(StatusOf(AskTls(kClose)), 200);
}

TEST_F(TlsServerTest, PlainHttpIsToldWhatThisPortSpeaks) {
  StartTls();
  const std::string reply = Ask(kGet);
  EXPECT_EQ(StatusOf(reply), 400);
  EXPECT_TRUE(reply.ends_with("this port speaks TLS: ask it by https://")) << reply;
  EXPECT_TRUE(FailedHandshakes(1));
}

TEST_F(TlsServerTest, SlowAndBrokenHandshakesEndCalmly) {
  ServerOptions options;
  options.header_timeout = milliseconds(200);
  StartTls(options);
  Client silent(server_->port()), half(server_->port());
  half.Send("\x16\x03\x01\x02");
  EXPECT_EQ(silent.Receive(), "");
  EXPECT_EQ(half.Receive(), "");
  EXPECT_TRUE(FailedHandshakes(2));
  Client broken(server_->port());
  broken.Send(std::string("\x16\x03\x01\x00\x05nonsense and more of it", 28));
  EXPECT_EQ(broken.Receive().find("<timeout>"), std::string::npos);
  Client leaves(server_->port());
  leaves.Send("\x16");
  leaves.Reset();
  EXPECT_TRUE(FailedHandshakes(4));
  EXPECT_EQ(StatusOf(AskTls(kClose)), 200);
  EXPECT_TRUE(Eventually([&] { return server_->gauges().connections == 0; }));
}

// A ClientHello that says it has 120,000 bytes, which OpenSSL alone would wait for.
TEST_F(TlsServerTest, AnEndlessHandshakeIsCutOff) {
  StartTls();
  Client client(server_->port());
  std::string record("\x16\x03\x01\x40\x00", 5);
  record += std::string("\x01\x01\xd4\xc0", 4) + std::string(0x4000 - 4, 'a');
  client.Send(record);
  std::this_thread::sleep_for(milliseconds(20));
  record = std::string("\x16\x03\x01\x40\x00", 5) + std::string(0x4000, 'a');
  client.Send(record);
  EXPECT_EQ(client.Receive().find("<timeout>"), std::string::npos);  // long before the 10 s of a handshake
  EXPECT_TRUE(FailedHandshakes(1));
}

TEST_F(TlsServerTest, ABodyOfMegabytesAndARefusalThatIsRead) {
  StartTls();
  TlsClient client(server_->port());
  const std::string body(size_t{4} << 20, 'b');
  client.Send(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  const std::string reply = client.Receive(body.size() + 100);
  EXPECT_EQ(StatusOf(reply), 200);
  EXPECT_TRUE(reply.ends_with(body.substr(0, 1000)));
  TlsClient large(server_->port());
  large.Send(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.size() + 1));
  large.Send(body + "b");
  EXPECT_EQ(StatusOf(large.Receive()), 413);
}

TEST_F(TlsServerTest, StreamsAndStopsForAClientThatLeft) {
  StartTls();
  TlsClient reader(server_->port());
  reader.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string whole = reader.Receive();
  EXPECT_TRUE(whole.ends_with("0\r\n\r\n"));
  EXPECT_GT(whole.size(), 16'000'000u);
  EXPECT_EQ(app->stream_pieces, 1000);
  app->stream_pieces = -1;
  TlsClient leaver(server_->port());
  leaver.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  leaver.Receive(1);
  leaver.Reset();
  EXPECT_TRUE(Eventually([&] { return app->stream_pieces >= 0; }));
  EXPECT_LT(app->stream_pieces, 1000);
}

TEST_F(TlsServerTest, ASlowReaderIsBoundedAndDropped) {
  ServerOptions options;
  options.write_timeout = milliseconds(200);
  StartTls(options);
  TlsClient slow(server_->port(), {}, 4096);
  slow.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(Eventually([&] { return app->stream_pieces >= 0; }));
  EXPECT_LT(app->stream_pieces, 1000);
}

TEST_F(TlsServerTest, ResetStopsItsOwnWorkOnly) {
  StartTls();
  TlsClient gone(server_->port()), stays(server_->port());
  gone.Send(kHold);
  stays.Send("GET /hold HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return app->holding == 2; }));
  gone.Reset();
  EXPECT_TRUE(Eventually([&] { return app->holding == 1 && app->stopped == 1; }));
  EXPECT_EQ(app->last_status, 499);
  app->released = true;
  EXPECT_EQ(StatusOf(stays.Receive()), 200);
}

// The end of TLS, of TCP's one side, and of the connection: only who left it stops the work.
TEST_F(TlsServerTest, ACloseStopsTheWorkAndAHalfCloseStillGetsItsAnswer) {
  StartTls();
  TlsClient says_so(server_->port()), half_closes(server_->port()), closes(server_->port());
  for (TlsClient* client : {&says_so, &half_closes, &closes}) {
    client->Send("GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  ASSERT_TRUE(Eventually([&] { return app->holding == 3; }));
  says_so.SayEnd();
  half_closes.HalfClose();
  closes.Close();
  ASSERT_TRUE(Eventually([&] { return app->stopped == 1 && app->holding == 2; }));
  app->released = true;
  EXPECT_EQ(StatusOf(says_so.Receive()), 200);
  EXPECT_EQ(StatusOf(half_closes.Receive()), 200);
  EXPECT_EQ(app->stopped, 1);
}

// What is no end must not be taken for one: half a record, and a next request that comes early. What follows is seen.
TEST_F(TlsServerTest, HalfARecordStopsNothing) {
  StartTls();
  TlsClient client(server_->port());
  client.Send(kHold);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  static_cast<Client&>(client).Send(std::string("\x17\x03\x03", 3));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(app->stopped, 0);
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return app->stopped == 1; }));

  // New keys, which are records without a byte for us.
  TlsClient renews(server_->port());
  renews.Send(kHold);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  for (int i = 0; i < 10; ++i) {
    SSL_key_update(renews.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(renews.ssl());
  }
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(app->stopped, 1);
  renews.SayEnd();
  renews.Reset();
  app->released = true;
  ASSERT_TRUE(Eventually([&] { return app->holding == 0; }));
  app->released = false;

  TlsClient early(server_->port());
  early.Send(kHold);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  early.Send(kClose);
  app->released = true;
  const std::string both = early.Receive();
  EXPECT_NE(both.find("GET /hold "), std::string::npos) << both;
  EXPECT_NE(both.find("GET /a "), std::string::npos) << both;
}

TEST_F(TlsServerTest, OneConnectionTooManyIsToldSo) {
  ServerOptions options;
  options.max_connections = 1;
  StartTls(options);
  TlsClient first(server_->port());
  const std::string refused = AskTls(kGet);
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
  first.Send(kClose);
  EXPECT_EQ(StatusOf(first.Receive()), 200);
}

TEST_F(TlsServerTest, StopEndsIdleConnectionsInOrder) {
  StartTls();
  TlsClient idle(server_->port());
  idle.Send(kGet);
  ASSERT_EQ(StatusOf(idle.Receive(1)), 200);
  Client silent(server_->port());  // amid its handshake
  ASSERT_TRUE(Eventually([&] { return server_->gauges().connections == 2; }));
  Stop();
  EXPECT_EQ(idle.Receive(), "");
  EXPECT_EQ(idle.end(), SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsServerTest, TheSignalReadsTheCertificateAgain) {
  StartTls({}, MakeTestCertificate({.name = "first"}));
  const auto name_seen = [](TlsClient& client) {
    X509* const certificate = SSL_get0_peer_certificate(client.ssl());
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    return std::string(name);
  };
  const auto served = [&] {
    TlsClient client(server_->port());
    return name_seen(client);
  };
  TlsClient before(server_->port());
  EXPECT_EQ(name_seen(before), "first");

  Write(MakeTestCertificate({.name = "second", .ends_s = 7200}));
  const int64_t expires = server_->gauges().certificate_expires;
  std::raise(SIGHUP);
  ASSERT_TRUE(Eventually([&] { return server_->gauges().certificate_expires > expires; }));
  EXPECT_EQ(served(), "second");
  before.Send(kClose);  // goes on as it began
  EXPECT_EQ(StatusOf(before.Receive()), 200);

  // A broken pair changes nothing, and is said in the log.
  std::atomic<int> complaints = 0;
  SetLogSink([&](LogLevel level, std::string_view line) {
    if (level == LogLevel::kError && line.find("stays as it was") != std::string_view::npos) ++complaints;
  });
  EXPECT_OK(WriteFileAtomic(folder_ / "key.pem", MakeTestCertificate().key));
  std::raise(SIGHUP);
  EXPECT_TRUE(Eventually([&] { return complaints == 1; }));
  SetLogSink({});
  EXPECT_EQ(served(), "second");
}

TEST_F(TlsServerTest, ABadPairIsAnErrorAtTheStart) {
  const TestCertificate weak = MakeTestCertificate({.rsa_bits = 512});
  Write(weak);
  ServerOptions options;
  options.port = 0;
  options.tls_certificate = folder_ / "cert.pem";
  options.tls_key = folder_ / "key.pem";
  const auto refused = HttpServer::Listen(options, app);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadConfig);
  EXPECT_NE(refused.error().message.find("stronger key"), std::string::npos) << refused.error().message;
}

TEST_F(TlsServerTest, RandomBytesNeverHurt) {
  ServerOptions options;
  options.header_timeout = options.body_timeout = milliseconds(30);
  StartTls(options);
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    // Before the handshake, and in the place of records after it.
    std::string bytes(1 + random() % 600, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    bytes[0] = round % 2 == 0 ? 0x16 : 0x17;
    if (round % 4 == 0) {
      TlsClient client(server_->port());
      ASSERT_TRUE(client.connected());
      static_cast<Client&>(client).Send(bytes);
      client.HalfClose();
      EXPECT_EQ(client.Receive().find("<timeout>"), std::string::npos) << round;
    } else {
      Client client(server_->port());
      client.Send(bytes);
      client.HalfClose();
      EXPECT_EQ(client.Receive().find("<timeout>"), std::string::npos) << round;
    }
  }
  EXPECT_EQ(StatusOf(AskTls(kClose)), 200);
  EXPECT_TRUE(Eventually([&] { return server_->gauges().connections == 0; }));
}

}  // namespace
}  // namespace bantam
