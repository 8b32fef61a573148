package tritonconfig

import "testing"

func TestSettingsKey(t *testing.T) {
	a := Settings{PreferredBatchSizes: []int{8, 4, 4}, MaxQueueDelay: Ptr(uint64(5))}
	b := Settings{MaxQueueDelay: Ptr(uint64(5)), PreferredBatchSizes: []int{4, 8}}
	switch {
	case !a.Equal(b) || a.Key() != b.Key():
		t.Errorf("keys %q and %q differ", a.Key(), b.Key())
	case a.String() != "delay=5us preferred=[8,4,4]":
		t.Errorf("Key changed the settings: %v", a)
	case a.Equal(Settings{MaxQueueDelay: Ptr(uint64(5))}), a.Equal(Settings{PreferredBatchSizes: []int{}, MaxQueueDelay: Ptr(uint64(5))}):
		t.Error("equal to settings without sizes")
	case !(Settings{InstanceGroup: "g"}).IsZero(), a.IsZero():
		t.Error("IsZero")
	}
	full := Settings{Ptr(uint64(1)), []int{2}, Ptr(3), "g", Ptr(4), nil}
	if got := a.Overlay(full); !got.Equal(full) || got.String() != "delay=1us preferred=[2] count(g)=3 max_batch=4" {
		t.Errorf("overlay %v", got)
	}
	if got := full.Overlay(Settings{}); !got.Equal(full) {
		t.Errorf("overlay of nothing: %v", got)
	}
}
