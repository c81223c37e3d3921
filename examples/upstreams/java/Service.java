// A service behind wxgate, in Java 17: who calls, by the headers or by the signed assertion.
// Run it by `java Service.java`. It needs no library; with one for JSON and JWT it is shorter.

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Service {
    record Caller(String openid, String phone) {
        String json() {
            String number = phone == null ? "null" : "\"" + phone + "\"";
            return "{\"openid\": \"" + openid + "\", \"phone\": " + number + "}";
        }
    }

    /** Who calls, where nobody but the gateway can reach this service; null: nobody is signed in. */
    static Caller byHeaders(Headers headers) {
        String openid = headers.getFirst("X-WX-OPENID");
        return openid == null ? null : new Caller(openid, headers.getFirst("X-WX-PHONE"));
    }

    /** Who calls, as the gateway has signed it: nothing else of the request is believed. */
    static Caller byAssertion(Headers headers, Keys keys, String audience) throws IOException {
        String token = headers.getFirst("X-WX-ASSERTION");
        String[] parts = token == null ? new String[0] : token.split("\\.", -1);
        if (parts.length != 3) return null;
        try {
            String head = decoded(parts[0]);
            String kid = text(head, "kid");
            Key key = kid == null ? null : keys.find(kid);
            // The algorithm is the key's. What the token says of it must fit, and decides nothing.
            if (key == null || !key.alg.equals(text(head, "alg"))) return null;
            Signature signature = Signature.getInstance(key.scheme);
            signature.initVerify(key.key);
            signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
            if (!signature.verify(Base64.getUrlDecoder().decode(parts[2]))) return null;
            String claims = decoded(parts[1]);
            boolean good = "wxgate".equals(text(claims, "iss"))
                && audience.equals(text(claims, "aud"))
                && number(claims, "exp") > Instant.now().getEpochSecond();
            return good ? new Caller(text(claims, "sub"), text(claims, "phone")) : null;
        } catch (GeneralSecurityException | IllegalArgumentException damaged) {
            return null;
        }
    }

    record Key(String alg, String scheme, PublicKey key) {}

    /** The gateway's public keys: asked for once, and again for one that was not seen. */
    static class Keys {
        private final URI uri;
        private final HttpClient client = HttpClient.newHttpClient();
        private Map<String, Key> known = Map.of();
        private Instant asked = Instant.MIN;

        Keys(URI uri) {
            this.uri = uri;
        }

        synchronized Key find(String kid) throws IOException, GeneralSecurityException {
            if (!known.containsKey(kid) && asked.isBefore(Instant.now().minusSeconds(10))) {
                known = fetch();
                asked = Instant.now();
            }
            return known.get(kid);
        }

        private Map<String, Key> fetch() throws IOException, GeneralSecurityException {
            HttpRequest request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(5)).build();
            String set;
            try {
                set = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
            } catch (InterruptedException interrupted) {
                throw new IOException(interrupted);
            }
            Map<String, Key> keys = new HashMap<>();
            Matcher each = Pattern.compile("\\{[^{}]*}").matcher(set);
            while (each.find()) {
                String jwk = each.group();
                byte[] x = Base64.getUrlDecoder().decode(text(jwk, "x"));
                if ("P-256".equals(text(jwk, "crv"))) {
                    byte[] y = Base64.getUrlDecoder().decode(text(jwk, "y"));
                    keys.put(text(jwk, "kid"), new Key("ES256", "SHA256withECDSAinP1363Format", p256(x, y)));
                } else if ("Ed25519".equals(text(jwk, "crv"))) {
                    keys.put(text(jwk, "kid"), new Key("EdDSA", "Ed25519", ed25519(x)));
                }
            }
            return keys;
        }

        private static PublicKey p256(byte[] x, byte[] y) throws GeneralSecurityException {
            AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
            curve.init(new ECGenParameterSpec("secp256r1"));
            ECPoint point = new ECPoint(new BigInteger(1, x), new BigInteger(1, y));
            ECParameterSpec spec = curve.getParameterSpec(ECParameterSpec.class);
            return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, spec));
        }

        private static PublicKey ed25519(byte[] x) throws GeneralSecurityException {
            // What stands before such a key in X.509 (RFC 8410).
            byte[] der = HexFormat.of().parseHex("302a300506032b6570032100" + HexFormat.of().formatHex(x));
            return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der));
        }
    }

    // Enough for the flat objects that the gateway writes.

    static String text(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"\\\\]*)\"").matcher(json);
        return found.find() ? found.group(1) : null;
    }

    static long number(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*(\\d+)").matcher(json);
        return found.find() ? Long.parseLong(found.group(1)) : 0;
    }

    static String decoded(String part) {
        return new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws IOException {
        Map<String, String> environment = System.getenv();
        int port = Integer.parseInt(environment.getOrDefault("PORT", "3000"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        String address = "http://127.0.0.1:" + server.getAddress().getPort();
        // `to` of the route in gateway.toml, without a path.
        String audience = environment.getOrDefault("AUDIENCE", address);
        Keys keys = new Keys(URI.create(environment.get("GATEWAY") + "/wxgate/jwks.json"));
        server.createContext("/", exchange -> {
            int status = 503;
            String answer = "{\"error\": \"no keys\"}";
            try {
                Headers headers = exchange.getRequestHeaders();
                boolean plain = exchange.getRequestURI().getPath().equals("/headers");
                Caller caller = plain ? byHeaders(headers) : byAssertion(headers, keys, audience);
                status = caller == null ? 401 : 200;
                answer = caller == null ? "{\"error\": \"sign in\"}" : caller.json();
            } catch (IOException noKeys) {
                System.err.println(noKeys);
            }
            byte[] body = answer.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        System.out.println("listening " + address);
    }
}
