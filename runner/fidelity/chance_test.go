package fidelity

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// distribution says which share of the plays executes a sequence of batches.
type distribution map[string]float64

func shares(counts map[string]int, total int) distribution {
	d := distribution{}
	for sequence, n := range counts {
		d[sequence] = float64(n) / float64(total)
	}
	return d
}

// sorted returns the sequences, the commonest first.
func (d distribution) sorted() []string {
	return slices.SortedFunc(maps.Keys(d), func(a, b string) int {
		return cmp.Or(cmp.Compare(d[b], d[a]), cmp.Compare(a, b))
	})
}

func (d distribution) commonest() (sequence string, share float64) {
	if len(d) == 0 {
		return "", 0
	}
	sequence = d.sorted()[0]
	return sequence, d[sequence]
}

// String returns for example "5 2 (86 %), 4 3 (14 %)".
func (d distribution) String() string {
	var parts []string
	for i, sequence := range d.sorted() {
		if i == 4 {
			parts = append(parts, fmt.Sprintf("%d others", len(d)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%.0f %%)", sequence, 100*d[sequence]))
	}
	return strings.Join(parts, ", ")
}

const (
	// disturbed is the share of plays that something else on the machine may
	// change: a process that is not run for some milliseconds, say.
	disturbed = 0.1
	// leastChance is below what the server is taken to do something else.
	leastChance = 0.001
)

// chance returns how often plays that follow d would be as unlikely as what was
// seen, or more so: Hope, "A simplified Monte Carlo significance test procedure",
// 1968. Sequences that d hardly has are taken together.
func (d distribution) chance(seen map[string]int, times int) float64 {
	const rare = 0.01
	log := map[string]float64{} // of the probability, "" for the rest
	rest := disturbed
	for sequence, share := range d {
		if share < rare {
			rest += (1 - disturbed) * share
			continue
		}
		log[sequence] = math.Log((1 - disturbed) * share)
	}
	log[""] = math.Log(rest)
	likelihood := 0.0
	for sequence, n := range seen {
		l, known := log[sequence]
		if !known {
			l = log[""]
		}
		likelihood += float64(n) * l
	}
	names := slices.Sorted(maps.Keys(log))
	random := rand.New(rand.NewPCG(1, 2))
	const draws = 4000
	below := 0
	for range draws {
		sum := 0.0
		for range times {
			at := random.Float64()
			for _, name := range names {
				if at -= math.Exp(log[name]); at < 0 {
					sum += log[name]
					break
				}
			}
		}
		if sum <= likelihood+1e-9 {
			below++
		}
	}
	return float64(below) / draws
}

// TestChance: what is likely is not called unlikely, and the reverse.
func TestChance(t *testing.T) {
	for _, c := range []struct {
		d           distribution
		seen        map[string]int
		least, most float64
	}{
		{distribution{"5 2": 1}, map[string]int{"5 2": 12}, 1, 1},
		{distribution{"5 2": 1}, map[string]int{"5 2": 11, "7": 1}, 0.5, 0.95},
		{distribution{"5 2": 1}, map[string]int{"5 2": 6, "7": 6}, 0, leastChance},
		{distribution{"5 2": 1}, map[string]int{"4 3": 4}, 0, leastChance},
		{distribution{"5 2": 0.85, "4 3": 0.15}, map[string]int{"5 2": 10, "4 3": 2}, 0.5, 1},
		{distribution{"5 2": 0.85, "4 3": 0.15}, map[string]int{"5 2": 1, "4 3": 11}, 0, leastChance},
		{distribution{"8": 0.5, "1 7": 0.49, "2 6": 0.005, "6 2": 0.005}, map[string]int{"8": 5, "1 7": 6, "6 2": 1}, 0.3, 1},
	} {
		total := 0
		for _, n := range c.seen {
			total += n
		}
		if got := c.d.chance(c.seen, total); got < c.least || got > c.most {
			t.Errorf("%v under %v has a chance of %v, want %v to %v", c.seen, c.d, got, c.least, c.most)
		}
	}
}
