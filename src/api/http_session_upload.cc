// A body that goes elsewhere as it comes: read here, written by a worker, a piece at a time. The client waits while the
// disk does.
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>

#include "api/error_map.h"
#include "api/http_session.h"

namespace bantam {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

}  // namespace

struct Session::Upload {
  std::shared_ptr<BodySink> sink;
  http::request_parser<http::buffer_body> parser;
  std::string piece;   // of the body, on its way to the sink
  MonotonicTime next;  // the latest time for the next bytes

  // From the bytes of the connection to those of the body, as far as there are any or a piece is full.
  error_code Decode(boost::beast::flat_buffer& from) {
    error_code problem;
    size_t filled = 0;
    piece.resize(kPieceBytes);
    while (!problem && !parser.is_done() && from.size() > 0 && filled < piece.size()) {
      auto& body = parser.get().body();
      body.data = piece.data() + filled;
      body.size = piece.size() - filled;
      body.more = true;
      from.consume(parser.put(from.data(), problem));
      filled = piece.size() - body.size;
      if (problem == http::error::need_buffer) problem = {};
    }
    piece.resize(filled);
    return problem == http::error::need_more ? error_code() : problem;
  }
};

// Who may send it is asked before the body is taken.
void Session::BeginUpload() {
  if (host_.gauges.draining) return Refuse(503, "the server is stopping");
  HttpRequest request;
  request.method = head_.method;
  request.path = head_.path;
  request.query = head_.query;
  request.headers = head_.headers;
  request.peer = connection_.peer();
  auto sink = host_.app->OpenUpload(request);
  if (!sink) return Refuse(HttpStatusOf(sink.error().code), sink.error().message);
  upload_ = std::make_shared<Upload>();
  upload_->sink = *std::move(sink);
  upload_->parser.header_limit(kMaxHeadBytes);
  upload_->parser.body_limit(boost::none);
  upload_->parser.eager(true);
  Limit(MonotonicNow() + host_.options.body_timeout);
  if (head_.expects_continue && (head_.chunked || head_.content_length.value_or(0) > 0)) return SendContinue();
  ReadBody();
}

void Session::ReadUpload() {
  const size_t room = boost::beast::read_size(buffer_, kPieceBytes);
  if (room == 0) return Refuse(400, "malformed request: a chunk's head is too long");
  Limit(MonotonicNow() + host_.options.body_timeout);  // for some more, however large all of it is
  connection_.Read(buffer_.prepare(room),
                   [self = shared_from_this()](error_code e, size_t n) { self->OnUploadBytes(e, n); });
}

void Session::OnUploadBytes(error_code ec, size_t count) {
  if (closed_) return;
  buffer_.commit(count);
  const error_code problem = upload_->Decode(buffer_);
  if (timed_out_) return Refuse(408, "the request body did not arrive in time");
  if (problem) return Refuse(400, fmt::format("malformed request: {}", problem.message()));
  if (ec && !upload_->parser.is_done()) return Close();
  if (upload_->piece.empty()) {
    if (upload_->parser.is_done()) return Dispatch();
    if (buffer_.size() > kMaxHeadBytes)
      return Refuse(431, fmt::format("what follows the body is larger than {} bytes", kMaxHeadBytes));
    return ReadUpload();
  }
  if (count > 0 && IsShortOfMemory()) return;
  NoLimit();
  const bool posted = host_.workers->TryPost([self = shared_from_this(), upload = upload_, &io = host_.io] {
    Status written = upload->sink->Write(upload->piece);
    asio::post(io, [self, written = std::move(written)] { self->OnUploadWritten(written); });
  });
  if (!posted) Refuse(429, "too many requests are waiting; try again in a second");
}

void Session::OnUploadWritten(const Status& written) {
  if (closed_ || upload_ == nullptr) return;
  if (!written) return Refuse(HttpStatusOf(written.error().code), written.error().message);
  OnUploadBytes({}, 0);
}

std::shared_ptr<BodySink> Session::TakeUpload() {
  if (upload_ == nullptr) return nullptr;
  const std::shared_ptr<BodySink> sink = std::move(upload_->sink);
  upload_.reset();
  return sink;
}

}  // namespace bantam
