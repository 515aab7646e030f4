// SPIRE's own API package (spire-api-sdk) and Go's gRPC, unmodified, against our server. Prints one JSON object a line.
//
//	client methods SOCKET                 every method of every service, with an empty request, on the admin socket
//	client agent SOCKET ADDRESS TOKEN     an agent's life: attest, sync, SVIDs, renewal, ban; ADDRESS is an IP and port, so without SNI
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sort"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/debug/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/localauthority/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/logger/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/trustdomain/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

var out = json.NewEncoder(os.Stdout)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	local := must(grpc.NewClient("unix://"+os.Args[2], grpc.WithTransportCredentials(insecure.NewCredentials())))
	if os.Args[1] == "methods" {
		methods(ctx, local)
	} else {
		agent(ctx, local, os.Args[3], os.Args[4])
	}
}

func methods(ctx context.Context, conn *grpc.ClientConn) {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				if string(service.FullName())[:10] == "spire.api." {
					all = append(all, service.Methods().Get(j))
				}
			}
		}
		return true
	})
	sort.Slice(all, func(i, j int) bool { return all[i].FullName() < all[j].FullName() })
	for _, method := range all {
		request, response := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
		path := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
		var err error
		if method.IsStreamingServer() {
			stream := must(conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path))
			_ = stream.SendMsg(request)
			err = stream.RecvMsg(response)
		} else {
			err = conn.Invoke(ctx, path, request, response)
		}
		_ = out.Encode(map[string]any{"method": path, "code": status.Code(err).String()})
	}
}

func agent(ctx context.Context, local *grpc.ClientConn, address, token string) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	anonymous := dial(address, nil)
	stream := must(agentv1.NewAgentClient(anonymous).AttestAgent(ctx))
	check(stream.Send(&agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{Params: &agentv1.AttestAgentRequest_Params{
		Data:   &types.AttestationData{Type: "join_token", Payload: []byte(token)},
		Params: &agentv1.AgentX509SVIDParams{Csr: csr(key)},
	}}}))
	attested := must(stream.Recv()).GetResult()
	check(stream.CloseSend())
	bundle := must(bundlev1.NewBundleClient(anonymous).GetBundle(ctx, &bundlev1.GetBundleRequest{}))
	chain(attested.Svid.CertChain, bundle)
	say("attest", attested.Svid.Id.Path, nil)

	conn := dial(address, &tls.Certificate{Certificate: attested.Svid.CertChain, PrivateKey: key})
	entries := must(entryv1.NewEntryClient(conn).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{})).Entries
	sync := must(entryv1.NewEntryClient(conn).SyncAuthorizedEntries(ctx))
	check(sync.Send(&entryv1.SyncAuthorizedEntriesRequest{OutputMask: &types.EntryMask{RevisionNumber: true, SpiffeId: true}}))
	synced := must(sync.Recv())
	_, end := sync.Recv()
	say("sync", len(entries) == len(synced.Entries) && errors.Is(end, io.EOF), nil)

	svids := svidv1.NewSVIDClient(conn)
	batch := must(svids.BatchNewX509SVID(ctx, &svidv1.BatchNewX509SVIDRequest{Params: []*svidv1.NewX509SVIDParams{
		{EntryId: entries[0].Id, Csr: csr(key)}, {EntryId: "unknown", Csr: csr(key)}, {EntryId: entries[0].Id, Csr: []byte("junk")},
	}}))
	codes := []int32{}
	for _, result := range batch.Results {
		codes = append(codes, result.Status.Code)
	}
	chain(batch.Results[0].Svid.CertChain, bundle)
	say("batch", codes, nil)
	jwt := must(svids.NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: entries[0].Id, Audience: []string{"db"}})).Svid
	say("jwt", jwt.Id.Path, nil)

	agents := agentv1.NewAgentClient(conn)
	_, err := agents.PostStatus(ctx, &agentv1.PostStatusRequest{CurrentBundleSerial: bundle.SequenceNumber})
	say("status", true, err)
	_, err = agents.CountAgents(ctx, &agentv1.CountAgentsRequest{})
	say("operators only", nil, err)
	renewed := must(agents.RenewAgent(ctx, &agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr(key)}})).Svid
	next := agentv1.NewAgentClient(dial(address, &tls.Certificate{Certificate: renewed.CertChain, PrivateKey: key}))
	_, err = next.PostStatus(ctx, &agentv1.PostStatusRequest{})
	say("renewed", true, err)
	_, err = agents.PostStatus(ctx, &agentv1.PostStatusRequest{})
	say("replaced", nil, err)

	must(agentv1.NewAgentClient(local).BanAgent(ctx, &agentv1.BanAgentRequest{Id: attested.Svid.Id}))
	banned := agentv1.NewAgentClient(dial(address, &tls.Certificate{Certificate: renewed.CertChain, PrivateKey: key}))
	_, err = banned.PostStatus(ctx, &agentv1.PostStatusRequest{})
	say("banned", nil, err)
}

func dial(address string, identity *tls.Certificate) *grpc.ClientConn {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	if identity != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return identity, nil }
	} else {
		config.MaxVersion = tls.VersionTLS12
	}
	return must(grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config))))
}

// chain verifies by Go's own validator what was issued.
func chain(ders [][]byte, bundle *types.Bundle) {
	roots := x509.NewCertPool()
	for _, authority := range bundle.X509Authorities {
		roots.AddCert(must(x509.ParseCertificate(authority.Asn1)))
	}
	leaf := must(x509.ParseCertificate(ders[0]))
	must(leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))
}

func csr(key crypto.Signer) []byte {
	return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))
}

func say(step string, value any, err error) {
	line := map[string]any{"step": step, "value": value, "code": status.Code(err).String()}
	for _, detail := range status.Convert(err).Details() {
		if denied, ok := detail.(*types.PermissionDeniedDetails); ok {
			line["reason"] = denied.Reason.String()
		}
	}
	_ = out.Encode(line)
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
