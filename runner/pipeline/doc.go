// Package pipeline offers load to an HTTP API instead of a model: what the users
// of a service in front of Triton feel.
//
// A Target says what to send and what counts as a success: a status code of 2xx,
// and, where asked for, a field of the answer's JSON. Everything else is a
// failure: counted by its kind, never a latency. A target that refuses the very
// first request is not measured at all: benchmarks of services are known to have
// measured nothing but refusals.
//
// How long the stages of the service took is read from the answers, from a JSON
// object of milliseconds or from the header Server-Timing.
//
// The load itself is that of runner/load, with a Client of this package as its
// transport: warm-up, windows, intervals, validity checks and verdicts are those
// of any other point. Bodies are encoded once and shared by all callers; an
// answer is read through a buffer that is used again.
package pipeline
