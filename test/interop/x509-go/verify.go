// Answers path questions, one JSON document a line, with Go's crypto/x509.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"os"
	"time"
)

type question struct {
	Chain   [][]byte `json:"chain"`
	Roots   [][]byte `json:"roots"`
	At      int64    `json:"at"`
	Purpose string   `json:"purpose"`
}

type answer struct {
	Parsed bool   `json:"parsed"`
	Ok     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(verify(asked)); err != nil {
			panic(err)
		}
	}
}

func verify(asked question) answer {
	chain, err := parse(asked.Chain)
	if err != nil {
		return answer{Error: err.Error()}
	}
	roots, err := parse(asked.Roots)
	if err != nil {
		return answer{Error: err.Error()}
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   time.UnixMilli(asked.At),
		KeyUsages:     []x509.ExtKeyUsage{usage(asked.Purpose)},
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return answer{Parsed: true, Error: err.Error()}
	}
	return answer{Parsed: true, Ok: true}
}

func parse(ders [][]byte) ([]*x509.Certificate, error) {
	certificates := make([]*x509.Certificate, 0, len(ders))
	for _, der := range ders {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

func usage(purpose string) x509.ExtKeyUsage {
	switch purpose {
	case "server":
		return x509.ExtKeyUsageServerAuth
	case "client":
		return x509.ExtKeyUsageClientAuth
	default:
		return x509.ExtKeyUsageAny
	}
}
