// Package calibration learns from a few measured runs what a simulation of the
// same server needs to know: a [Theta] for [batcher.Simulate].
//
// # What is learned, and from what
//
//	t(b)         how long an instance works on a batch of b items, from the
//	             server's own times by executed batch size: weighted least
//	             squares on a + c b, each size's mean shrunk towards that line
//	             with 8 pseudo-counts, then made monotone (isotonic regression
//	             by pooling adjacent violators: Barlow, Bartholomew, Bremner and
//	             Brunk, "Statistical Inference under Order Restrictions", 1972).
//	             Only runs in which no execution can be in the way of another
//	             count: one instance, or one caller.
//	G            what an instance needs for each request of a batch between the
//	             end of an execution, as the server counts it, and the next: the
//	             share of its time that an instance which never waits does not
//	             execute.
//	Z and C      the time between a response and the caller's next request, and
//	             what the callers' machine needs for each, one after another: by
//	             so much a caller's cycle (Little's law) is longer than its
//	             latency, alone and among others.
//	E, F and L0  responses of a batch leave E apart, the front end takes F for
//	             each request, one after another, and the rest of a request's way
//	             is L0. What a request waits beyond queue and execution is L0 + F
//	             alone and grows with each one that travels beside it, so F and L0
//	             come out of the runs with one instance; E, which the server's
//	             times hold, out of what explains them best.
//	unrest       which share of what an execution needs for each request, after
//	             its responses, varies. Where it does, callers are back before
//	             the next batch is taken, and the two groups into which a closed
//	             loop divides grow and shrink at random: as much as the executed
//	             batch sizes scatter. All of it on two busy cores, a third with
//	             cores to spare.
//	contention   what several instances do to each other, in three forms, of
//	             which the runs with several instances choose one: nothing,
//	             processor sharing (each slowed down by 1 + k for each other one
//	             at work), or a host part that overlaps and a device part that
//	             does not (exclusive, in the order of asking).
//
// The other times between Triton's own threads are not learned: they are those of
// [batcher.DefaultTiming]. Five runs are enough: one instance without a queue
// delay under 1, M and 4M callers (M is the largest batch), and the most
// instances under M and 4M callers ([Design]).
//
// # How sure it is
//
// [Fit] keeps every candidate that it simulated with its misfit, and draws an
// ensemble from them: candidates that explain the runs about as well as the
// best one are about as likely. A prediction is the spread over that ensemble.
// What the runs cannot tell (batches larger than any seen, instances when all
// runs had one) is said in words, in [Calibration.Notes].
package calibration
