package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	other := &fakeContainer{ID: idB, Name: "db", Image: "postgres:15", Cmd: []string{"postgres"},
		State: triton(idA, "").State, Ports: map[string][]map[string]string{"5432/tcp": {{"HostIp": "127.0.0.1", "HostPort": "5432"}}}}
	stopped := triton(idB, "old")
	stopped.State = exited(1, false)
	client := triton(idB, "client")
	client.Image, client.Cmd = "nvcr.io/nvidia/tritonserver:24.10-py3-sdk", []string{"sleep", "inf"}
	twin := triton(idB, "twin")
	twin.IP, twin.Ports = "172.17.0.3", map[string][]map[string]string{"8000/tcp": {{"HostIp": "127.0.0.2", "HostPort": "4600"}}}
	host := triton(idB, "host")
	host.Network, host.Ports, host.Cmd = "host", nil, []string{"tritonserver", "--model-repository=/m", "--http-port", "9000"}

	for _, test := range []struct {
		name  string
		list  []*fakeContainer
		query Query
		want  string // name, or a part of the error
		err   error
	}{
		{"name", []*fakeContainer{triton(idA, "a"), other}, Query{Name: "db"}, "db", nil},
		{"name with slash", []*fakeContainer{triton(idA, "a")}, Query{Name: "/a"}, "a", nil},
		{"stopped by name", []*fakeContainer{stopped}, Query{Name: "old"}, "old", nil},
		{"ID prefix", []*fakeContainer{triton(idA, "a"), other}, Query{Name: "bbbbbb2"}, "db", nil},
		{"too short an ID", []*fakeContainer{triton(idA, "srv"), other}, Query{Name: "b"}, "there is srv", ErrNotFound},
		{"no such name", []*fakeContainer{triton(idA, "srv"), other}, Query{Name: "sry"}, `nothing is named "sry" (hint: there is srv`, ErrNotFound},
		{"path as name", []*fakeContainer{triton(idA, "a")}, Query{Name: "../../images"}, "cannot be a container's name", ErrNotFound},
		{"port", []*fakeContainer{triton(idA, "a"), other}, Query{Port: 4601}, "a", nil},
		{"port of no container", []*fakeContainer{triton(idA, "a")}, Query{Port: 9}, "with port 9 (hint: there is a", ErrNotFound},
		{"exposed is not published", []*fakeContainer{triton(idA, "a")}, Query{Port: 8002}, "with port 8002", ErrNotFound},
		{"port on two addresses", []*fakeContainer{triton(idA, "a"), twin}, Query{Port: 4600}, "a, twin are running", ErrAmbiguous},
		{"port on this address", []*fakeContainer{triton(idA, "a"), twin}, Query{Port: 4600, Host: "127.0.0.2"}, "twin", nil},
		{"port on all addresses", []*fakeContainer{triton(idA, "a")}, Query{Port: 4601, Host: "192.0.2.7"}, "a", nil},
		{"the container's address", []*fakeContainer{triton(idA, "a"), twin}, Query{Port: 8000, Host: "172.17.0.3"}, "twin", nil},
		{"host network", []*fakeContainer{triton(idA, "a"), host}, Query{Port: 9000}, "host", nil},
		{"only Triton", []*fakeContainer{other, triton(idA, "a")}, Query{}, "a", nil},
		{"only running", []*fakeContainer{stopped, triton(idA, "a")}, Query{}, "a", nil},
		{"client image is not Triton", []*fakeContainer{client, triton(idA, "a")}, Query{}, "a", nil},
		{"two Tritons", []*fakeContainer{triton(idA, "a"), twin}, Query{}, "a, twin", ErrAmbiguous},
		{"none runs", []*fakeContainer{stopped, other}, Query{}, "there is old (exited)", ErrNotFound},
		{"none at all", nil, Query{}, "there is no container at unix://", ErrNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeEngine{containers: test.list}
			c, err := f.start(t).Find(context.Background(), test.query)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q does not say %q", err, test.want)
				}
				return
			}
			if c.Name != test.want || len(c.ID) != 64 {
				t.Errorf("found %q with ID %q, want %q", c.Name, c.ID, test.want)
			}
		})
	}
}

func TestFindWithoutTheRightToList(t *testing.T) {
	f := &fakeEngine{containers: []*fakeContainer{triton(idA, "a")}, status: map[string]int{"list": 403}}
	e := f.start(t)
	if _, err := e.Find(context.Background(), Query{Name: "a"}); err != nil {
		t.Errorf("by name: %v", err)
	}
	if _, err := e.Find(context.Background(), Query{Name: "b"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown name: %v", err)
	}
	_, err := e.Find(context.Background(), Query{})
	if err == nil || !strings.Contains(err.Error(), "proxy forbids") {
		t.Errorf("only one: %v", err)
	}
}

func TestEnvironmentIsDropped(t *testing.T) {
	_, c := only(t, triton(idA, "a"))
	s, err := c.Inspect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %+v %+v", *c, c.Definition, s); strings.Contains(text, canary) {
		t.Errorf("the environment came out: %s", text)
	}
}
