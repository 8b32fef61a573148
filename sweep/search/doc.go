// Package search decides what to measure next from what was measured so far. It
// is asked and told, and knows no clock, disk or network: equal answers make it
// ask equal questions.
//
// # The capacity
//
// Capacity looks for the highest arrival rate at which a server still meets a
// limit on a latency quantile or on the share of errors. What it is told are
// intervals, not numbers, and a rate has three standings:
//
//	passes      every figure's interval lies below its limit
//	fails       one lies above, or the backlog grew while it was measured
//	undecided   an interval contains its limit: measured again, twice as long,
//	            and judged by all that is known of the rate
//
// The search begins near the throughput at which a closed loop saturates, steps
// down until a rate passes or up until one fails, and halves the bracket between
// the two on a logarithmic scale. It assumes that above the capacity no rate
// passes. It does not assume that below it every rate does: a batcher that waits
// for full batches is slow under light load.
//
// A rate that stays undecided is left between the ends, and the search goes on at
// both sides of it: the bracket then says honestly how much is not known.
//
// The ends of a bracket were selected because they looked well, so at last each
// is measured anew and judged by the new figures alone. The looks that this may
// take share an error of 2.5 % (Bonferroni), so a bracket whose ends are both
// confirmed holds the capacity with 95 % confidence, if the intervals hold what
// they promise.
//
// Waeber, Frazier and Henderson, "Bisection search with noisy responses" (SIAM
// Journal on Control and Optimization, 2013) show why a bisection that believes
// each answer does not work; Robbins, "Some aspects of the sequential design of
// experiments" (Bulletin of the AMS, 1952) why one that looks until it likes
// what it sees does not either.
package search
