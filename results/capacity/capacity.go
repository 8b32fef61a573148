// Package capacity follows the search for the highest arrival rate that a model
// sustains: it turns records into what sweep/search wants to be told.
//
// A run is replayed from its records alone. The search is a function of what it
// was told, so that the report of a stored run says what the run itself said.
package capacity

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"tritonsweep/results"
	"tritonsweep/sweep/search"
)

// Name is that of the plans whose runs search for a capacity.
const Name = "capacity"

// DefaultErrorRate is the share of failed requests above which a rate fails,
// where nothing else is asked for.
const DefaultErrorRate = 0.01

var errNotASearch = errors.New("the run searched for no capacity")

// startShare is where the search begins: that part of what a closed loop reached.
const startShare = 0.9

// Search is one model's search, under way or replayed.
type Search struct {
	options search.Options
	limit   results.Limit
	search  *search.Capacity // nil until it is known where to begin
	looks   map[float64]int  // records of each rate
}

// Begin starts the search of a run. Options without a Start take it from the
// first closed loop that is recorded.
func Begin(o search.Options, limit results.Limit) (*Search, error) {
	s := &Search{options: o, limit: limit, looks: map[float64]int{}}
	if o.Start == 0 {
		o.Start = 1 // only to check the others
		return s, o.Validate()
	}
	var err error
	s.search, err = search.NewCapacity(o)
	return s, err
}

// Replay follows the records of a run, in their order.
func Replay(run results.Run, records []results.Record) (*Search, error) {
	if run.Plan.Search == nil {
		return nil, errNotASearch
	}
	s, err := Begin(*run.Plan.Search, run.Limit)
	for _, r := range records {
		if err == nil {
			s.Next()
			err = s.Add(r)
		}
	}
	return s, err
}

// Next returns what to measure; more is false at the end, and before it is known
// where to begin. Round counts the measurements of that rate.
func (s *Search) Next() (ask search.Ask, round int, more bool) {
	if s.search == nil {
		return ask, 0, false
	}
	ask, more = s.search.Ask()
	return ask, s.looks[ask.Rate] + 1, more
}

// Add tells the search about a record: the closed loop that it begins from, or a
// rate.
func (s *Search) Add(r results.Record) error {
	if r.Load.Open() {
		if s.search != nil {
			s.looks[r.Load.Rate]++
			s.search.Tell(s.observe(r))
		}
		return nil
	}
	if s.search != nil || r.Client.Requests == 0 || r.Duration <= 0 {
		return nil
	}
	// Where to begin need not be precise, and no report shows it as a result.
	o := s.options
	o.Start = startShare * float64(r.Client.Requests) / r.Duration
	var err error
	s.search, err = search.NewCapacity(o)
	return err
}

// Start is the rate that is tried first; 0 while it is not known.
func (s *Search) Start() float64 {
	if s.search == nil {
		return 0
	}
	return s.search.Start()
}

// Bracket returns what is known so far.
func (s *Search) Bracket() search.Bracket {
	if s.search == nil {
		return search.Bracket{}
	}
	return s.search.Bracket()
}

// Tried returns all rates, ascending.
func (s *Search) Tried() []search.Tried {
	if s.search == nil {
		return nil
	}
	return s.search.Tried()
}

// observe turns a record into an observation. A point that failed because of the
// server's errors, or whose backlog grew, tells something; one that broke another
// rule of validity does not, and one that was not steady leaves it undecided.
func (s *Search) observe(r results.Record) search.Observation {
	o := search.Observation{Rate: r.Load.Rate}
	switch {
	case broken(r):
		o.Void = true
		return o
	case r.Client.Arrivals != nil && r.Client.Arrivals.Overloaded:
		o.Overload = true
	}
	known := r.Verdict.Usable()
	for _, l := range []struct {
		name  string
		limit float64
		value *results.Estimate
	}{{"p99", s.limit.P99, r.Client.P99}, {"p95", s.limit.P95, r.Client.P95}} {
		if l.limit > 0 {
			o.Figures = append(o.Figures, figure(l.name, l.limit, l.value, known))
		}
	}
	o.Figures = append(o.Figures, s.errors(r))
	return o
}

// broken tells that a rule was broken that the server is not to blame for, or
// that nothing was measured.
func broken(r results.Record) bool {
	if r.Verdict == results.Failed || r.Verdict == results.Refused {
		return true
	}
	for _, c := range r.Checks {
		if !c.Passed && c.Name != "errors" {
			return true
		}
	}
	return false
}

func figure(name string, limit float64, e *results.Estimate, known bool) search.Figure {
	f := search.Figure{Name: name, Limit: limit, Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if e != nil && known {
		f.Value, f.Low, f.High = e.Value, e.Low, e.High
	}
	return f
}

// errors is the share of failed requests, with Jeffreys' interval (Brown, Cai and
// DasGupta, "Interval estimation for a binomial proportion", 2001).
func (s *Search) errors(r results.Record) search.Figure {
	f := search.Figure{Name: "errors", Limit: s.limit.ErrorRate, Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if f.Limit == 0 {
		f.Limit = DefaultErrorRate
	}
	var failed float64
	for _, n := range r.Client.Errors {
		failed += float64(n)
	}
	passed := float64(r.Client.Requests)
	if failed+passed == 0 {
		return f
	}
	share := distuv.Beta{Alpha: failed + 0.5, Beta: passed + 0.5}
	f.Value, f.Low, f.High = failed/(failed+passed), share.Quantile(0.025), share.Quantile(0.975)
	if failed == 0 {
		f.Low = 0
	}
	return f
}
