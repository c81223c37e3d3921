// A service behind wxgate, in Go: who calls, by the headers or by the signed assertion.
// It needs no library; with one for JWT it is shorter.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type Caller struct {
	OpenID string  `json:"openid"`
	Phone  *string `json:"phone"`
}

// Who calls, where nobody but the gateway can reach this service; nil: nobody is signed in.
func byHeaders(headers http.Header) *Caller {
	openid := headers.Get("X-WX-OPENID")
	if openid == "" {
		return nil
	}
	caller := &Caller{OpenID: openid}
	if phone := headers.Get("X-WX-PHONE"); phone != "" {
		caller.Phone = &phone
	}
	return caller
}

// Who calls, as the gateway has signed it: nothing else of the request is believed.
func byAssertion(headers http.Header, keys *Keys, audience string) (*Caller, error) {
	parts := strings.Split(headers.Get("X-WX-ASSERTION"), ".")
	if len(parts) != 3 {
		return nil, nil
	}
	var head struct{ Alg, Kid string }
	if json.Unmarshal(decoded(parts[0]), &head) != nil {
		return nil, nil
	}
	key, err := keys.find(head.Kid)
	// The algorithm is the key's. What the token says of it must fit, and decides nothing.
	if err != nil || key == nil || key.alg != head.Alg {
		return nil, err
	}
	if !key.fits([]byte(parts[0]+"."+parts[1]), decoded(parts[2])) {
		return nil, nil
	}
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
		Phone         *string
	}
	if json.Unmarshal(decoded(parts[1]), &claims) != nil || claims.Iss != "wxgate" ||
		claims.Aud != audience || claims.Exp <= time.Now().Unix() {
		return nil, nil
	}
	return &Caller{OpenID: claims.Sub, Phone: claims.Phone}, nil
}

type Key struct {
	alg  string
	fits func(text, signature []byte) bool
}

// Keys are the gateway's public keys: asked for once, and again for one that was not seen.
type Keys struct {
	url   string
	mutex sync.Mutex
	known map[string]*Key
	asked time.Time
}

func (keys *Keys) find(kid string) (*Key, error) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	if keys.known[kid] == nil && time.Since(keys.asked) > 10*time.Second {
		known, err := fetch(keys.url)
		if err != nil {
			return nil, err // the keys cannot be had: that is not the caller's fault
		}
		keys.known, keys.asked = known, time.Now()
	}
	return keys.known[kid], nil
}

func fetch(url string) (map[string]*Key, error) {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var set struct {
		Keys []struct{ Kid, Crv, X, Y string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	known := map[string]*Key{}
	for _, key := range set.Keys {
		x, y := decoded(key.X), decoded(key.Y)
		if key.Crv == "P-256" {
			known[key.Kid] = &Key{"ES256", p256(x, y)}
		} else if key.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize {
			known[key.Kid] = &Key{"EdDSA", func(text, signature []byte) bool {
				return ed25519.Verify(x, text, signature)
			}}
		}
	}
	return known, nil
}

func p256(x, y []byte) func(text, signature []byte) bool {
	key := ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
	return func(text, signature []byte) bool {
		if len(signature) != 64 {
			return false
		}
		digest := sha256.Sum256(text)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(&key, digest[:], r, s)
	}
}

// What is no base64 comes to nothing, and that fits no key.
func decoded(part string) []byte {
	bytes, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil
	}
	return bytes
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	address := "http://" + listener.Addr().String()
	audience := os.Getenv("AUDIENCE") // `to` of the route in gateway.toml, without a path
	if audience == "" {
		audience = address
	}
	keys := &Keys{url: os.Getenv("GATEWAY") + "/wxgate/jwks.json"}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		var caller *Caller
		var err error
		if request.URL.Path == "/headers" {
			caller = byHeaders(request.Header)
		} else {
			caller, err = byAssertion(request.Header, keys, audience)
		}
		response.Header().Set("Content-Type", "application/json")
		switch {
		case err != nil:
			response.WriteHeader(503)
			fmt.Fprint(response, `{"error": "no keys"}`)
		case caller == nil:
			response.WriteHeader(401)
			fmt.Fprint(response, `{"error": "sign in"}`)
		default:
			json.NewEncoder(response).Encode(caller)
		}
	})
	fmt.Println("listening", address)
	panic(http.Serve(listener, nil))
}
