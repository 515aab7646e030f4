// A stranger's client: go-spiffe against Hauberk's Workload API, unmodified and with its defaults. Prints one JSON line an answer.
// usage: client SOCKET x509 | bundles | watch COUNT | jwt AUDIENCE | serve ID | request URL ID
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	address := workloadapi.WithAddr("unix://" + os.Args[1])
	if err := run(ctx, address, os.Args[2], os.Args[3:]); err != nil {
		say(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run(ctx context.Context, address workloadapi.ClientOption, verb string, args []string) error {
	switch verb {
	case "x509":
		return fetchX509(ctx, address)
	case "bundles":
		return fetchBundles(ctx, address)
	case "watch":
		return watch(ctx, address, args[0])
	case "jwt":
		return fetchJWT(ctx, address, args[0])
	case "serve":
		return serve(ctx, address, args[0])
	case "request":
		return request(ctx, address, args[0], args[1])
	}
	return fmt.Errorf("no such verb")
}

// fetchX509 verifies each SVID with go-spiffe's own validator against the bundles that came with it.
func fetchX509(ctx context.Context, address workloadapi.ClientOption) error {
	x509, err := workloadapi.FetchX509Context(ctx, address)
	if err != nil {
		return err
	}
	for _, svid := range x509.SVIDs {
		id, _, err := x509svid.Verify(svid.Certificates, x509.Bundles)
		if err != nil {
			return err
		}
		say(map[string]any{"id": id.String(), "hint": svid.Hint, "chain": len(svid.Certificates), "bundles": len(x509.Bundles.Bundles())})
	}
	return nil
}

func fetchBundles(ctx context.Context, address workloadapi.ClientOption) error {
	set, err := workloadapi.FetchX509Bundles(ctx, address)
	if err != nil {
		return err
	}
	for _, bundle := range set.Bundles() {
		say(map[string]any{"trustDomain": bundle.TrustDomain().Name(), "authorities": len(bundle.X509Authorities())})
	}
	return nil
}

type watcher struct {
	left int
	done chan struct{}
}

func (w *watcher) OnX509ContextUpdate(x509 *workloadapi.X509Context) {
	ids := []string{}
	sum := sha256.New()
	for _, svid := range x509.SVIDs {
		ids = append(ids, svid.ID.String())
		sum.Write(svid.Certificates[0].Raw)
	}
	say(map[string]any{"ids": ids, "leaves": fmt.Sprintf("%x", sum.Sum(nil)), "bundles": len(x509.Bundles.Bundles())})
	if w.left--; w.left == 0 {
		close(w.done)
	}
}

func (w *watcher) OnX509ContextWatchError(err error) { say(map[string]any{"watchError": err.Error()}) }

func watch(ctx context.Context, address workloadapi.ClientOption, count string) error {
	left, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	w := &watcher{left: left, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	go func() { <-w.done; cancel() }()
	_ = workloadapi.WatchX509Context(ctx, w, address)
	return nil
}

// fetchJWT checks each token twice: with go-spiffe's validator over the JWT bundles, and by asking the agent.
func fetchJWT(ctx context.Context, address workloadapi.ClientOption, audience string) error {
	client, err := workloadapi.New(ctx, address)
	if err != nil {
		return err
	}
	defer client.Close()
	tokens, err := client.FetchJWTSVIDs(ctx, jwtsvid.Params{Audience: audience, ExtraAudiences: []string{"second"}})
	if err != nil {
		return err
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	for _, token := range tokens {
		offline, err := jwtsvid.ParseAndValidate(token.Marshal(), bundles, []string{audience})
		if err != nil {
			return err
		}
		online, err := client.ValidateJWTSVID(ctx, token.Marshal(), "second")
		if err != nil {
			return err
		}
		_, refused := client.ValidateJWTSVID(ctx, token.Marshal(), "other")
		say(map[string]any{"id": token.ID.String(), "offline": offline.ID.String(), "online": online.ID.String(), "hint": token.Hint,
			"audience": offline.Audience, "refusedForOther": refused != nil, "bundles": bundles.Len()})
	}
	return nil
}

// serve answers HTTP over mTLS to one SPIFFE ID until its standard input ends.
func serve(ctx context.Context, address workloadapi.ClientOption, id string) error {
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(address))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say(map[string]any{"listening": listener.Addr().(*net.TCPAddr).Port})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	server := &http.Server{
		TLSConfig: tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(spiffeid.RequireFromString(id))),
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s asked for %s", r.TLS.PeerCertificates[0].URIs[0], r.URL.Path)
		}),
	}
	return server.ServeTLS(listener, "", "")
}

// request calls a URL over mTLS, if its server is the SPIFFE ID.
func request(ctx context.Context, address workloadapi.ClientOption, url string, id string) error {
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(address))
	if err != nil {
		return err
	}
	defer source.Close()
	authorizer := tlsconfig.AuthorizeID(spiffeid.RequireFromString(id))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: tlsconfig.MTLSClientConfig(source, source, authorizer)}}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	say(map[string]any{"status": answer.StatusCode, "body": string(body)})
	return nil
}

func say(answer map[string]any) {
	line, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}
