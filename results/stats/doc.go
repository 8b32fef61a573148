// Package stats turns what a load generator saw into figures that say how sure
// they are.
//
// Latencies of one run are not independent: requests that were batched together
// finish together, a queue remembers, a server warms up. An interval computed
// as if they were is typically three times too narrow. So everything here works
// on batches, contiguous stretches of the run that are long against its memory:
//
//   - MSER5 and FindTrend say where the warm-up ends and whether it does.
//   - ThroughputInterval and MeanInterval use batch means, and merge batches
//     until neighbours no longer resemble each other.
//   - QuantileInterval uses batch quantiles where the sample is large, and order
//     statistics of a sample deflated by its dependence where it is not; it
//     refuses a quantile that the sample cannot support and says how many more
//     requests it needs.
//   - FindGap recognises a quantile that lies between two modes, which no amount
//     of measuring makes precise.
//   - Combine joins rounds (server starts), RatioInterval compares settings.
//
// The words: an interval is two-sided at 95 %. The design effect (deff) is how
// many dependent requests are worth one independent request. Latencies are in
// milliseconds, the unit of records; relative figures are fractions.
//
// Everything here is a pure function of its arguments.
package stats
