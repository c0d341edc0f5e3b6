// What the HTTP library does when nobody does anything: Boost.Beast and Asio, one thread, a handler that answers every
// request with the same bytes. The measure of how much of `bantam serve` is not HTTP.
//
//   empty_server PORT BYTES      as many bytes of body in each reply
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, const std::string& body) : stream_(std::move(socket)) {
    stream_.socket().set_option(asio::ip::tcp::no_delay(true));
    reply_.result(http::status::ok);
    reply_.set(http::field::content_type, "application/json");
    reply_.body() = body;
    reply_.prepare_payload();
  }

  void Read() {
    parser_.emplace();
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, size_t) {
      if (!error) self->Write();
    });
  }

 private:
  void Write() {
    http::async_write(stream_, reply_, [self = shared_from_this()](beast::error_code error, size_t) {
      if (!error) self->Read();
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> reply_;
};

void Accept(asio::ip::tcp::acceptor& acceptor, const std::string& body) {
  acceptor.async_accept([&](beast::error_code error, asio::ip::tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket), body)->Read();
    Accept(acceptor, body);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  asio::io_context context(1);
  const auto port = static_cast<uint16_t>(std::atoi(argv[1]));
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
  const std::string body(static_cast<size_t>(std::atoi(argv[2])), 'x');
  Accept(acceptor, body);
  context.run();
}
