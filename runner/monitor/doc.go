// Package monitor shows a run that goes on as Prometheus metrics, so that it can
// stand beside Triton's own on one dashboard: what is being done, how far it is,
// and the figures of the points measured so far.
//
// A run is not a service: its page is there while it runs, and the results file
// is what stays. A Prometheus that scrapes it keeps the course.
package monitor
