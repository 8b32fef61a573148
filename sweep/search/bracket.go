package search

// Bracket is what a search knows. Low and High are rates in requests a second.
type Bracket struct {
	// Low is the highest rate that passes; 0 when none does.
	Low float64 `json:"low_per_s"`
	// High is the lowest rate above it that fails; 0 when none does. With
	// Bounded false it is one that could not be measured.
	High float64 `json:"high_per_s"`
	// Bounded tells that High fails.
	Bounded bool `json:"bounded"`
	// Confirmed tells that both ends were measured anew, and stood.
	Confirmed bool `json:"confirmed"`
	// Narrow tells that the ends are as close as was asked for.
	Narrow bool `json:"narrow"`
	// Confidence is how sure it is that the capacity lies between the ends: 0.95
	// when Confirmed, else 0, which means that nothing is claimed.
	Confidence float64 `json:"confidence"`
	// SlowBelow tells that a rate below Low fails: light load is slower.
	SlowBelow bool `json:"slow_below"`
}

// Bracket returns what the search knows so far.
func (c *Capacity) Bracket() Bracket {
	var b Bracket
	low, high := c.ends()
	if low != nil {
		b.Low = low.value
		for _, r := range c.rates {
			b.SlowBelow = b.SlowBelow || r.value < low.value && c.standing(r) == Fails
		}
	}
	if high != nil {
		b.High, b.Bounded = high.value, c.standing(high) == Fails
	}
	if low == nil || !b.Bounded {
		return b
	}
	b.Narrow = b.High/b.Low <= 1+c.options.Tolerance
	b.Confirmed = low.confirmed() && high.confirmed()
	if b.Confirmed {
		b.Confidence = 0.95
	}
	return b
}

// Start returns the rate that is tried first.
func (c *Capacity) Start() float64 { return tidy(c.options.Start) }

// Tried is a rate and how it stands.
type Tried struct {
	Rate     float64
	Standing Standing
	Looks    int
	// Confirmed tells that it was measured anew as an end of the bracket.
	Confirmed bool
}

// Tried returns all rates, ascending.
func (c *Capacity) Tried() []Tried {
	var out []Tried
	for _, r := range c.rates {
		out = append(out, Tried{r.value, c.standing(r), r.first.looks() + r.confirm.looks(), r.confirmed()})
	}
	return out
}
