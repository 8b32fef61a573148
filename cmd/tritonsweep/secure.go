package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
	"tritonsweep/runner/triton"
)

// connectionFlags say what every connection to a server needs: those that ask it
// and those that carry the load.
func connectionFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "tls", EnvVars: env("TLS"), Usage: "speak TLS, and trust the certificates that this machine trusts"},
		&cli.StringFlag{Name: "tls-ca", EnvVars: env("TLS_CA"), Usage: "`FILE` of the certificates to trust instead (PEM); implies --tls"},
		&cli.StringFlag{Name: "tls-cert", EnvVars: env("TLS_CERT"), Usage: "`FILE` of our own certificate (PEM), where the server asks for one; implies --tls"},
		&cli.StringFlag{Name: "tls-key", EnvVars: env("TLS_KEY"), Usage: "`FILE` of its key (PEM)"},
		&cli.StringFlag{Name: "tls-server-name", EnvVars: env("TLS_SERVER_NAME"), Usage: "`NAME` in the server's certificate, where it is not the address; implies --tls"},
	}, headerFlags()...)
}

// headerName and headerFile are the flags that may carry secrets, or say where
// they lie.
const (
	headerName = "header"
	headerFile = "header-file"
)

func headerFlags() []cli.Flag {
	return []cli.Flag{
		listFlag(headerName, "HEADER", "`NAME=VALUE`, NAME=env:VARIABLE or NAME=file:PATH, which goes with every request; repeatable, never recorded"),
		&cli.StringFlag{Name: headerFile, EnvVars: env("HEADER_FILE"), Usage: "`FILE` of lines NAME=VALUE or NAME: VALUE, since secrets do not belong on a command line"},
		&cli.BoolFlag{Name: "insecure-headers", EnvVars: env("INSECURE_HEADERS"), Usage: "send them to another machine without TLS, too"},
	}
}

// connectionFiles are those of connectionFlags that name files.
var connectionFiles = []string{"tls-ca", "tls-cert", "tls-key", headerFile}

// readTLS returns nil where nothing asks for TLS.
func readTLS(c *cli.Context) (*tls.Config, error) {
	ca, cert, key, name := c.String("tls-ca"), c.String("tls-cert"), c.String("tls-key"), c.String("tls-server-name")
	if !c.Bool("tls") && ca == "" && cert == "" && key == "" && name == "" {
		return nil, nil
	}
	if c.Bool("sim") {
		return nil, usagef("--tls: the simulated server speaks no TLS (hint: leave out --sim or the TLS flags)")
	}
	if (cert == "") != (key == "") {
		return nil, usagef("--tls-cert and --tls-key belong together")
	}
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, usagef("--tls-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if ca != "" {
		text, err := readSmall(ca, mostSmall)
		if err != nil {
			return nil, usagef("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, usagef("--tls-ca: %s holds no certificate (hint: PEM, it begins with -----BEGIN CERTIFICATE-----)", ca)
		}
	}
	return config, nil
}

// mostSmall bounds files of certificates and headers.
const mostSmall = 1 << 20

// readSmall reads a file of at most so many bytes.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: larger than %d bytes", path, most)
	}
	return data, err
}

// serverHeaders reads the headers of the file and of the command line. No message
// holds a value.
func serverHeaders(c *cli.Context) (map[string]string, error) {
	headers := map[string]string{}
	if path := c.String(headerFile); path != "" {
		data, err := readSmall(path, mostSmall)
		if err != nil {
			return nil, usagef("--header-file: %w", err)
		}
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if err := addHeader(headers, line); err != nil {
				return nil, usagef("--header-file: %s:%d: %w", path, n, err)
			}
		}
	}
	given := map[string]string{} // those of the command line win
	for _, text := range listOf(c, headerName) {
		if err := addHeader(given, text); err != nil {
			return nil, usagef("--header: %w", err)
		}
	}
	maps.Copy(headers, given)
	return headers, nil
}

// addHeader reads one header; names are kept in lower case, as HTTP/2 has them.
func addHeader(headers map[string]string, text string) error {
	at := strings.IndexAny(text, "=:") // no name holds either
	if at < 0 {
		return fmt.Errorf("a header without a value (hint: NAME=VALUE)")
	}
	name := strings.ToLower(strings.TrimSpace(text[:at]))
	value, err := headerSecret(strings.TrimSpace(text[at+1:])).Reveal("")
	if err != nil {
		return fmt.Errorf("%.40s: %w", name, err)
	}
	if err := load.ValidHeader(name, value); err != nil {
		return err
	}
	if _, twice := headers[name]; twice {
		return fmt.Errorf("the header %s is given twice", name)
	}
	headers[name] = value
	return nil
}

// headerSecret reads VALUE, env:VARIABLE or file:PATH.
func headerSecret(text string) pipeline.Secret {
	if variable, ok := strings.CutPrefix(text, "env:"); ok {
		return pipeline.Secret{Env: variable}
	}
	if file, ok := strings.CutPrefix(text, "file:"); ok {
		return pipeline.Secret{File: file}
	}
	return pipeline.Secret{Value: text}
}

// dialOptions say how to ask the server, wherever it is found.
func dialOptions(c *cli.Context) (triton.Options, error) {
	o, err := secureOptions(c)
	o.GRPCAddr, o.MetricsURL = c.String("grpc-url"), c.String("metrics-url")
	return o, err
}

// secureOptions are the options without addresses.
func secureOptions(c *cli.Context) (o triton.Options, err error) {
	if o.TLS, err = readTLS(c); err != nil {
		return o, err
	}
	o.Insecure = c.Bool("insecure-headers")
	o.Headers, err = serverHeaders(c)
	return o, err
}
