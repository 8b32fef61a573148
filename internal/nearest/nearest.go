// Package nearest finds the known word that somebody most likely meant, for the
// hints of error messages.
package nearest

// Of returns the word of known that the fewest typing errors turn into word, or
// nothing when known is empty.
func Of(word string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(word, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// Likely returns what Of returns if at most a third of word, and one letter
// more, had to change: beyond that a suggestion is a guess.
func Likely(word string, known []string) string {
	best := Of(word, known)
	if best == "" || distance(word, best) > len(word)/3+1 {
		return ""
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
