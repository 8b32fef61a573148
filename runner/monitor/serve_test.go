package monitor

import (
	"net/http"
	"testing"
)

// TestFault63OnlyThisMachine: a page in a browser reaches a port on loopback
// under a name of its own; it is told nothing. Only GET is answered.
func TestFault63OnlyThisMachine(t *testing.T) {
	for _, test := range []struct {
		anywhere     bool
		method       string
		host, origin string
		want         int
	}{
		{false, "GET", "", "", 200},
		{false, "GET", "localhost:9464", "", 200},
		{false, "GET", "[::1]:9464", "", 200},
		{false, "GET", "[::1]", "", 200},
		{false, "GET", "rebound.example:9464", "", 403},
		{false, "GET", "192.0.2.7", "", 403},
		{false, "GET", "127.0.0.1.rebound.example", "", 403},
		{false, "GET", "", "http://rebound.example", 403},
		{false, "POST", "", "", 405},
		{true, "GET", "rebound.example:9464", "", 200},
	} {
		s, err := Listen("127.0.0.1:0", test.anywhere)
		if err != nil {
			t.Fatal(err)
		}
		s.Serve(watched(t))
		q, err := http.NewRequestWithContext(t.Context(), test.method, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = test.host
		if test.origin != "" {
			q.Header.Set("Origin", test.origin)
		}
		response, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%+v: %s", test, response.Status)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
