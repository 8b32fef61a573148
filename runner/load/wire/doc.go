// Package wire makes unary gRPC calls for a load generator: many callers, the
// same few request messages, answers that only need to be counted.
//
// It speaks HTTP/2 (RFC 9113) and gRPC's framing on it directly, which lets it do
// what a general client cannot:
//
//   - The header block never changes and is encoded once. A small request is one
//     system call, made by the caller itself; a large one goes from the caller's
//     memory to the kernel without a copy (writev).
//   - An answer is counted as its frames arrive and dropped at once. Memory does
//     not depend on the size of answers or the number of calls under way, so the
//     receive windows can be as large as the protocol allows.
//   - The instants that matter are taken where they happen: Sent after the write
//     of the last byte, Received when the end of the answer was read, before any
//     goroutine was woken.
//
// There are no retries, no compression, no interceptors, no server push. One
// goroutine reads each connection, one writes what the protocol asks for in
// between (settings, pings, windows, resets). Connections are made on demand; a
// broken one fails its calls and the next call makes another.
package wire
