// Package sweep decides what to try: a Space of settings and loads becomes a
// Plan, an ordered list of trials that can be printed, saved, diffed and
// resumed. It is pure: no clock, disk or network.
package sweep
