package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"io"
	"net/http"
)

// Limits of a picture.
const (
	mostBytes  = 16 << 20
	mostPixels = 40_000_000
)

// field is the name of the multipart field that holds the picture.
const field = "image"

// refusal is an answer to a request that cannot be worked on.
type refusal struct {
	code int
	text string
}

// read takes the picture from a request and decodes it.
func (j *job) read(w http.ResponseWriter, r *http.Request) *refusal {
	end := j.stages.time("read")
	data, refused := upload(w, r)
	end()
	if refused != nil {
		return refused
	}
	defer j.stages.time("decode")()
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("field %q is no JPEG: %v", field, err)}
	}
	if config.Width*config.Height > mostPixels {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("%dx%d pixels, at most %d in all", config.Width, config.Height, mostPixels)}
	}
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("field %q is a damaged JPEG: %v", field, err)}
	}
	j.picture = colours(decoded)
	return nil
}

// upload returns the bytes of the field "image", reading no further than it.
func upload(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	r.Body = http.MaxBytesReader(w, r.Body, mostBytes)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("a multipart form with the field %q is needed: %v", field, err)}
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, &refusal{http.StatusUnprocessableEntity, fmt.Sprintf("the form has no field %q", field)}
		}
		if err != nil {
			return nil, tooLarge(err)
		}
		if part.FormName() != field {
			continue
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, tooLarge(err)
		}
		// What is left must be read, or the connection cannot be used again.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, tooLarge(err)
		}
		return data, nil
	}
}

func tooLarge(err error) *refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", mostBytes)}
	}
	return &refusal{http.StatusBadRequest, fmt.Sprintf("reading the form: %v", err)}
}

// colours converts a picture once to what all resizing starts from: reading the
// colours of a JPEG pixel by pixel costs several times as much.
func colours(m image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out
}
