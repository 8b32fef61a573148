package wire

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error codes of RFC 9113, section 7, that are told apart.
const (
	codeNoError            = 0x0
	codeRefusedStream      = 0x7
	codeCancel             = 0x8
	codeEnhanceYourCalm    = 0xb
	codeInadequateSecurity = 0xc
)

// resetStatus is the status of a call that the server reset, as gRPC's
// specification maps it.
func resetStatus(code uint32) error {
	mapped := codes.Internal
	switch code {
	case codeRefusedStream:
		mapped = codes.Unavailable
	case codeCancel:
		mapped = codes.Canceled
	case codeEnhanceYourCalm:
		mapped = codes.ResourceExhausted
	case codeInadequateSecurity:
		mapped = codes.PermissionDenied
	}
	return status.Errorf(mapped, "the server reset the call, HTTP/2 error code %d", code)
}

// unavailable is the status of calls on a connection that ended.
func unavailable(format string, args ...any) error {
	return status.Errorf(codes.Unavailable, format, args...)
}

// trailers are the response's fields that decide about a call.
type trailers struct {
	httpStatus  string
	grpcStatus  string
	grpcMessage string
}

// err returns nil for a call that succeeded.
func (t trailers) err() error {
	if t.grpcStatus == "" {
		return status.Errorf(httpCode(t.httpStatus), "the answer has no gRPC status, HTTP status %q", t.httpStatus)
	}
	code, err := strconv.ParseUint(t.grpcStatus, 10, 32)
	if err != nil {
		return status.Errorf(codes.Unknown, "the answer has the malformed gRPC status %q", t.grpcStatus)
	}
	if codes.Code(code) == codes.OK {
		return nil
	}
	return status.Error(codes.Code(code), decodeMessage(t.grpcMessage))
}

// httpCode maps an answer that does not come from a gRPC server.
func httpCode(httpStatus string) codes.Code {
	switch httpStatus {
	case "400":
		return codes.Internal
	case "401":
		return codes.Unauthenticated
	case "403":
		return codes.PermissionDenied
	case "404":
		return codes.Unimplemented
	case "429", "502", "503", "504":
		return codes.Unavailable
	}
	return codes.Unknown
}

// decodeMessage undoes grpc-message's percent encoding; what is not valid stays
// as it is.
func decodeMessage(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\ufffd")
}

// protocolError is a violation that ends the connection.
func protocolError(format string, args ...any) error {
	return fmt.Errorf("the server broke the protocol: "+format, args...)
}
