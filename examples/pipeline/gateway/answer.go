package gateway

import "net/http"

// Answer is what every route sends. Parts that a route does not have are absent.
type Answer struct {
	Status string            `json:"status"` // ok, partial or failed
	Errors map[string]string `json:"errors,omitempty"`

	Width  int `json:"width,omitempty"` // of the picture, in pixels
	Height int `json:"height,omitempty"`

	Faces     []Face    `json:"faces,omitempty"`
	Objects   []Object  `json:"objects,omitempty"`
	Embedding []float32 `json:"embedding,omitempty"` // of the picture, of length 1
	Lines     []Line    `json:"lines,omitempty"`
	Text      []float32 `json:"text_embedding,omitempty"` // of what was read
	// Assumed counts faces and lines that no model found; see the package.
	Assumed int `json:"assumed,omitempty"`

	// Timings are milliseconds by stage, Total is all of it.
	Timings map[string]float64 `json:"timings_ms,omitempty"`
	Total   float64            `json:"total_ms,omitempty"`
}

// Box is left, top, right, bottom in pixels of the picture.
type Box [4]float32

// Face is one face: where it is, how sure the detector is, and its embedding.
type Face struct {
	Box       Box       `json:"box"`
	Score     float32   `json:"score"`
	Embedding []float32 `json:"embedding"`
}

// Object is one detected thing.
type Object struct {
	Box   Box     `json:"box"`
	Score float32 `json:"score"`
	Class int32   `json:"class"`
}

// Line is one line of text: where it is, and the indices of its characters.
type Line struct {
	Box        Box   `json:"box"`
	Characters []int `json:"characters"`
}

// code is the status code of an answer whose success has a given one. A part that
// failed is no reason to throw the others away; all parts are.
func (a Answer) code(success int) int {
	if a.Status == "failed" {
		return http.StatusBadGateway
	}
	return success
}
