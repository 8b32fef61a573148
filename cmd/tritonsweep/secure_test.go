package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/tritonsim"
)

// authority signs the certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	dir         string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{dir: t.TempDir()}
	a.certificate, a.key = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign writes NAME.pem and NAME.key; the first certificate signs itself.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.path(name+".pem"), "CERTIFICATE", der)
	writePEM(t, a.path(name+".key"), "PRIVATE KEY", text)
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secureFront serves TLS in front of an address, to clients that have a
// certificate of the authority.
func secureFront(t *testing.T, a *authority, behind string) string {
	t.Helper()
	a.sign(t, "server", &x509.Certificate{DNSNames: []string{"triton.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(c, behind)
		}
	}()
	return listener.Addr().String()
}

func forward(c net.Conn, address string) {
	defer c.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, c); server.Close() }()
	_, _ = io.Copy(c, server)
}

func startSimulator(t *testing.T, models ...string) *tritonsim.Server {
	t.Helper()
	dir := t.TempDir()
	for _, model := range models {
		copyExample(t, dir, model)
	}
	s, err := tritonsim.New(tritonsim.Options{Repository: dir, Seed: 1})
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSecretsStayOut: a point over TLS with certificates on both sides and with
// headers from all sources, on the streams and the unary calls. No header's value
// is in anything that the command prints or leaves behind.
func TestSecretsStayOut(t *testing.T) {
	const canary = "canary-4711-secret"
	a := newAuthority(t)
	a.sign(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	address := secureFront(t, a, startSimulator(t, "mobileclip2_s2_text_encoder").Endpoints().GRPC)
	if err := os.WriteFile(a.path("headers"), []byte("# ours\nx-file: "+canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TRITONSWEEP_STATE", filepath.Join(dir, "state"))
	t.Setenv("DOCKER_HOST", "unix://"+dir+"/none.sock")
	t.Setenv("OUR_SECRET", canary)
	for _, transport := range []string{"grpc", "stream"} {
		args := []string{
			"tritonsweep", "--verbose", "bench", "--model", "mobileclip2_s2_text_encoder", "--grpc-url", address, "--transport", transport,
			"--tls-ca", a.path("ca.pem"), "--tls-cert", a.path("client.pem"), "--tls-key", a.path("client.key"), "--tls-server-name", "triton.example",
			"--header", "x-line=" + canary, "--header", "x-env=env:OUR_SECRET", "--header-file", a.path("headers"), "--compression", "gzip",
			"--duration", "1s", "--warmup", "200ms", "--concurrency", "2", "--output", "out", "--db", "run.db",
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitOK && code != exitSome {
			t.Fatalf("%s: exit code %d\n%s", transport, code, errs.String())
		}
		if !strings.Contains(out.String(), "/s") {
			t.Errorf("%s: no figures:\n%s", transport, out.String())
		}
		if all := out.String() + errs.String(); strings.Contains(all, canary) {
			t.Errorf("%s: the secret was printed:\n%s", transport, all)
		}
	}
	if seen := searchFiles(t, canary, dir); seen < 3 {
		t.Errorf("%d files were searched", seen)
	}
}

// searchFiles demands that no file below the directories holds the secret, and
// returns how many there are.
func searchFiles(t *testing.T, secret string, dirs ...string) (files int) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(name)
			if at := bytes.Index(data, []byte(secret)); at >= 0 {
				t.Errorf("a secret is in %s: ...%s...", name, around(data, at))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	return files
}

// TestHangingHandshake: a port that takes connections and says nothing is a
// server that cannot be reached, within the deadline of a call.
func TestHangingHandshake(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // connections wait in its queue
	dir := t.TempDir()
	t.Setenv("TRITONSWEEP_STATE", filepath.Join(dir, "state"))
	t.Setenv("DOCKER_HOST", "unix://"+dir+"/none.sock")
	var out, errs bytes.Buffer
	args := []string{"tritonsweep", "bench", "--model", "m", "--tls", "--grpc-url", listener.Addr().String(), "--db", filepath.Join(dir, "run.db")}
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitUnreachable {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
