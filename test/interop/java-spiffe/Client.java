import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultWorkloadApiClient.ClientOptions;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.DefaultX509Source.X509SourceOptions;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import javax.net.ssl.HttpsURLConnection;

/** A stranger's client: java-spiffe against Hauberk's Workload API. usage: Client SOCKET x509 | jwt AUDIENCE | request URL ID. */
public class Client {
    public static void main(String[] args) {
        String address = "unix:" + args[0];
        try {
            switch (args[1]) {
                case "x509" -> x509(address);
                case "jwt" -> jwt(address, args[2]);
                case "request" -> request(address, args[2], args[3]);
                default -> throw new IllegalArgumentException("no such verb");
            }
            System.exit(0);
        } catch (Throwable error) {
            Throwable cause = error;
            StringBuilder text = new StringBuilder();
            for (; cause != null; cause = cause.getCause()) text.append(cause).append("; ");
            say("{\"error\":\"%s\"}", text.toString().replaceAll("[\"\\\\\\p{Cntrl}]", " "));
            System.exit(1);
        }
    }

    static DefaultWorkloadApiClient client(String address) throws Exception {
        return (DefaultWorkloadApiClient) DefaultWorkloadApiClient.newClient(ClientOptions.builder().spiffeSocketPath(address).build());
    }

    static void x509(String address) throws Exception {
        try (var client = client(address)) {
            var context = client.fetchX509Context();
            for (X509Svid svid : context.getX509Svids()) {
                say("{\"id\":\"%s\",\"chain\":%d,\"bundles\":%d}", svid.getSpiffeId(), svid.getChain().size(), context.getX509BundleSet().getBundles().size());
            }
        }
    }

    static void jwt(String address, String audience) throws Exception {
        try (var client = client(address)) {
            var bundles = client.fetchJwtBundles();
            for (JwtSvid svid : client.fetchJwtSvids(audience, "second")) {
                JwtSvid offline = JwtSvid.parseAndValidate(svid.getToken(), bundles, Set.of(audience));
                JwtSvid online = client.validateJwtSvid(svid.getToken(), "second");
                boolean refused = false;
                try {
                    client.validateJwtSvid(svid.getToken(), "other");
                } catch (Exception expected) {
                    refused = true;
                }
                say("{\"id\":\"%s\",\"offline\":\"%s\",\"online\":\"%s\",\"refusedForOther\":%b}", svid.getSpiffeId(), offline.getSpiffeId(), online.getSpiffeId(), refused);
            }
        }
    }

    static void request(String address, String url, String id) throws Exception {
        var source = DefaultX509Source.newSource(X509SourceOptions.builder().spiffeSocketPath(address).build());
        var context = SpiffeSslContextFactory.getSslContext(
            SslContextOptions.builder().x509Source(source).acceptedSpiffeIdsSupplier(() -> Set.of(SpiffeId.parse(id))).build());
        var connection = (HttpsURLConnection) URI.create(url).toURL().openConnection();
        connection.setSSLSocketFactory(context.getSocketFactory());
        connection.setHostnameVerifier((name, session) -> true); // the id is what names the peer
        String body = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        say("{\"status\":%d,\"body\":\"%s\"}", connection.getResponseCode(), body);
    }

    static void say(String format, Object... values) {
        System.out.println(String.format(format, values));
    }
}
