package runner

import (
	"context"
	"testing"
	"testing/synctest"
)

// Nobody passes a barrier before all have arrived; who is gone has arrived.
func TestBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBarrier(3)
		passed := make(chan int, 3)
		for k := range 2 {
			go func() {
				if b.wait(t.Context(), k) == nil {
					passed <- k
				}
			}()
		}
		synctest.Wait()
		if len(passed) != 0 {
			t.Fatal("passed before the third came")
		}
		b.arrive(2)
		synctest.Wait()
		if len(passed) != 2 {
			t.Fatal("did not pass when all had come")
		}
		b.arrive(2)
		if err := b.wait(t.Context(), 0); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if newBarrier(2).wait(ctx, 0) == nil {
			t.Error("an interrupted wait without an error")
		}
	})
}
