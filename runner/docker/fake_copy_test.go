package docker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/docker/docker/api/types/container"
)

// create answers like the Engine, and keeps the document that it was sent.
func (f *fakeEngine) create(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var document struct {
		*container.Config
		HostConfig *container.HostConfig
	}
	if err := json.NewDecoder(r.Body).Decode(&document); err != nil {
		f.answer(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
		return
	}
	f.created, f.createdHost = document.Config, document.HostConfig
	c := triton(fmt.Sprintf("%064x", len(f.containers)), r.URL.Query().Get("name"))
	c.State, c.Labels = map[string]any{"Status": "created"}, document.Labels
	f.containers = append(f.containers, c)
	f.answer(w, http.StatusCreated, map[string]any{"Id": c.ID, "Warnings": []string{}})
}

func (f *fakeEngine) remove(w http.ResponseWriter, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.containers)
	f.containers = slices.DeleteFunc(f.containers, func(c *fakeContainer) bool { return c.ID == id })
	if len(f.containers) == before {
		f.answer(w, http.StatusNotFound, map[string]string{"message": "No such container: " + id})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
