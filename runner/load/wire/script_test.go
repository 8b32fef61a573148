package wire

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testMethod = "/test.Service/Method"

// peer is the server's end of a connection, driven frame by frame by a test.
type peer struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	block  bytes.Buffer
	hpack  *hpack.Encoder
}

// script serves each connection in turn by one of the functions, and returns a
// client.
func script(t *testing.T, callers int, settings []http2.Setting, serve ...func(p *peer)) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, f := range serve {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Error(err)
			}
			p := &peer{t: t, conn: c, framer: http2.NewFramer(c, c)}
			p.framer.SetMaxReadFrameSize(1 << 24)
			p.hpack = hpack.NewEncoder(&p.block)
			p.greet(settings)
			f(p)
			// Closing with unread bytes would reset the connection, and take
			// what was written along.
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	client, err := New(Options{Address: listener.Addr().String(), Method: testMethod, Agent: "test", Callers: callers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Close()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return client
}

func (p *peer) greet(settings []http2.Setting) {
	got := make([]byte, len(preface))
	if _, err := io.ReadFull(p.conn, got); err != nil || string(got) != preface {
		p.t.Errorf("preface %q, %v", got, err)
	}
	if err := p.framer.WriteSettings(settings...); err != nil {
		p.t.Error(err)
	}
}

// next returns the next frame that is not a setting, an acknowledgement or a
// window; nil at the end.
func (p *peer) next() http2.Frame {
	for {
		f, err := p.framer.ReadFrame()
		if err != nil {
			return nil
		}
		switch f.(type) {
		case *http2.SettingsFrame, *http2.WindowUpdateFrame:
			continue
		}
		return f
	}
}

// request reads one whole request and returns its stream and message; 0 at the end.
func (p *peer) request() (stream uint32, message []byte) {
	for {
		switch f := p.next().(type) {
		case nil:
			return 0, nil
		case *http2.HeadersFrame:
			stream = f.StreamID
		case *http2.DataFrame:
			message = append(message, f.Data()...)
			if f.StreamEnded() {
				return stream, message[prefixLength:]
			}
		case *http2.PingFrame: // the answer to one comes when it likes
			if !f.IsAck() {
				p.t.Errorf("unexpected %v", f)
			}
		default:
			p.t.Errorf("unexpected %v", f)
			return 0, nil
		}
	}
}

// fields encodes a header block.
func (p *peer) fields(pairs ...string) []byte {
	p.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		if err := p.hpack.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}); err != nil {
			p.t.Error(err)
		}
	}
	return bytes.Clone(p.block.Bytes())
}

func (p *peer) headers(stream uint32, end bool, pairs ...string) {
	if err := p.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: p.fields(pairs...), EndHeaders: true, EndStream: end,
	}); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) data(stream uint32, end bool, data []byte) {
	if err := p.framer.WriteData(stream, end, data); err != nil {
		p.t.Error(err)
	}
}

// framed puts gRPC's prefix before a message.
func framed(message []byte) []byte {
	n := len(message)
	return append([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, message...)
}

// answer sends a whole successful answer.
func (p *peer) answer(stream uint32, message []byte) {
	p.headers(stream, false, ":status", "200", "content-type", "application/grpc")
	p.data(stream, false, framed(message))
	p.headers(stream, true, "grpc-status", "0")
}
