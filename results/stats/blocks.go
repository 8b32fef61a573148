package stats

import (
	"maps"
	"math"
	"slices"
)

// Block is the figures of several settings in several rounds: Block[i][r] is what
// setting i measured in round r. Rounds may be missing.
type Block []map[int]Interval

// BlockNoise returns how much equal starts differ, from blocks that were measured
// in rounds, and a prior. Each setting has its level and each round its own (a
// drift of the machine moves a round as a whole); what is left over is noise: the
// residual of a randomised block design (Cochran and Cox, "Experimental Designs",
// 1957). What each start's own interval explains is taken off.
//
// A block of less than three settings that were repeated cannot tell a round's
// level from noise well; there the scatter of each setting around its own mean
// counts, drift included, which errs on the careful side.
//
// Blocks and prior are pooled by their degrees of freedom (Smyth, 2004, as in
// Combine). Without anything repeated the prior is returned.
func BlockNoise(blocks []Block, prior Noise) Noise {
	var excess, df float64
	for _, b := range blocks {
		squares, within, degrees := b.residual()
		excess += squares - within
		df += degrees
	}
	if df == 0 {
		return prior
	}
	variance := (prior.DF*prior.SD*prior.SD + max(0, excess)) / (prior.DF + df)
	return Noise{SD: math.Sqrt(variance), DF: prior.DF + df}
}

// cell is one start on the log scale.
type cell struct {
	setting, round int
	log, variance  float64
}

// residual returns the sum of squares that levels of settings and rounds leave,
// what the starts' own intervals contribute to it, and its degrees of freedom.
func (b Block) residual() (squares, within, df float64) {
	cells, settings, rounds := b.cells()
	if len(cells) == 0 {
		return 0, 0, 0
	}
	df = float64(len(cells) - settings)
	if settings >= 3 {
		df -= float64(rounds - 1)
	}
	if df <= 0 {
		return 0, 0, 0
	}
	fit(cells, settings >= 3)
	var variance float64
	for _, c := range cells {
		squares += c.log * c.log
		variance += c.variance / float64(len(cells))
	}
	return squares, variance * df, df
}

// cells returns the starts of the settings that were repeated, and how many
// settings and rounds they are of.
func (b Block) cells() (cells []cell, settings, rounds int) {
	seen := map[int]bool{}
	for i, figure := range b {
		var own []cell
		for _, round := range slices.Sorted(maps.Keys(figure)) { // in order, so that sums are exact to the bit
			interval := figure[round]
			if e, ok := logarithms([]Interval{interval}); ok && interval.Low > 0 {
				own = append(own, cell{i, round, e[0].log, e[0].variance})
			}
		}
		if len(own) < 2 {
			continue
		}
		settings++
		for _, c := range own {
			seen[c.round] = true
		}
		cells = append(cells, own...)
	}
	return cells, settings, len(seen)
}

// fit takes the levels of settings, and of rounds if asked, off the cells, by
// turns until nothing is left to take: least squares of an additive model, which
// also holds where cells are missing.
func fit(cells []cell, byRound bool) {
	const turns = 60 // enough by far: every turn leaves a fraction
	for range turns {
		level(cells, func(c cell) int { return c.setting })
		if !byRound {
			return
		}
		level(cells, func(c cell) int { return c.round })
	}
}

func level(cells []cell, of func(cell) int) {
	sum, n := map[int]float64{}, map[int]float64{}
	for _, c := range cells {
		sum[of(c)] += c.log
		n[of(c)]++
	}
	for i := range cells {
		key := of(cells[i])
		cells[i].log -= sum[key] / n[key]
	}
}
