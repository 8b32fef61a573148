package sweep

import "fmt"

// Load says how requests are offered to a model.
type Load struct {
	// Concurrency is the number of callers of a closed loop: each sends its
	// next request when the last one was answered.
	Concurrency int `json:"concurrency"`
	// BatchSize is the number of items in one request (the client batch), at least 1.
	BatchSize int `json:"batch_size"`
}

// String returns for example "c=8 b=1".
func (l Load) String() string { return fmt.Sprintf("c=%d b=%d", l.Concurrency, l.BatchSize) }
