// Package batcher is Triton's dynamic batcher as a pure state machine, and a
// simulation of a whole server around it in virtual time.
//
// # The state machine
//
// A [Machine] holds the scheduler of one model: the queue Q of waiting
// requests, the payload P that the batcher thread is filling, the queue PQ of
// payloads that wait for an instance, and the threads. It owns no clock and
// starts nothing: [Machine.Step] takes a time and an [Event] and returns the
// [Action]s that follow. Two drivers use it, a virtual clock ([Simulate]) and
// the real one inside a server, and both see the same rules.
//
// The rules are those that Triton's scheduler shows from release 24.10 to
// 26.06, numbered R0 to R13 in the comments:
//
//	R0   without a dynamic_batching block every request is a payload of its own
//	R1   which arrivals wake the batcher: with fixed shapes only some do
//	R2   prefetch: up to two payloads an instance wait in PQ; with priorities,
//	     timeouts or a queue limit set, only as many as instances are parked
//	R3   the loop of the batcher thread, and its sleeps of at most 500 ms
//	R4   which waiting requests make a batch (pick.go)
//	R5   a payload in PQ stays open: later picks top it up
//	R6   an instance merges payloads that are older than the delay
//	R7   an instance executes, notifies the batcher, and asks for the next
//	R8   after a late dispatch the wish for a larger batch stays as it was, so
//	     arrivals below it wake nobody: there is no top-up by default
//	R9   queue policies: limit, timeout, override, reject or delay; levels
//	R10  preserve_ordering holds responses back and changes no batch
//	R12  device-blocking backends: one thread feeds all instances in rotation
//	R13  without prefetch a wake-up can be lost, for up to 500 ms
//
// R11, the rate limiter (off unless a server is started with --rate-limit), is
// left out; so are sequence batching, ensembles, decoupled models and the
// response cache.
//
// Threads race in the real server: a batch of 5 instead of 4 can hang on
// whether an instance wakes before the batcher has looped once more. The
// machine therefore decides nothing about timing. It says which thread is to
// run and how it got there (a [Pace]); the driver decides when. The simulation
// draws those times, and so does a [Scheduler], which a server on the real
// clock uses, whose own timers would be too coarse.
//
// Two things differ from the real scheduler on purpose. Where it loops without
// effect (a request of another shape waits behind a payload in PQ), the machine
// sleeps until something happens. And where it would join requests of unequal
// shape, because a new payload begins with requests that were picked for the
// last one, the machine does not.
//
// # The simulation
//
// [Simulate] runs callers (a closed loop, or an open one with Poisson,
// constant or recorded arrivals), a front end that takes a fixed time for each
// request, one Machine per model, and devices that several instances and
// models may share. It is seeded and deterministic. The front ends of several
// models do not slow each other down. Its results are predictions: they must
// never be shown as measurements.
package batcher
