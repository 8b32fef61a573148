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
//	F and L0     the front end's time for each request, which spreads requests
//	             that are sent together, and the rest of a request's way. What
//	             the callers wait beyond queue and execution is L0 + F for one
//	             caller and grows by F with each one that travels beside it, so
//	             both come out of the runs with one instance.
//	contention   what several instances do to each other, in three forms, of
//	             which the runs with several instances choose one: nothing,
//	             processor sharing (each slowed down by 1 + k for each other one
//	             at work), or a host part that overlaps and a device part that
//	             does not (exclusive, in the order of asking).
//
// The times between Triton's own threads are not learned: they are those of
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
