package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log"
	"math/big"
	"sync"
	"time"
)

// Keys is the JWK Set of the issuer. Keys are added and dropped by the issuer at any time.
type Keys struct {
	url string

	asking  sync.Mutex // one asks at a time; nobody waits for that who knows the key
	askedAt time.Time

	lock       sync.RWMutex
	byKid      map[string]*Key
	fetchedAt  time.Time
	lastFailed bool
}

// Key is a public key, and the one algorithm it is for.
type Key struct {
	Alg    string
	public interface{}
}

// Find answers the key, or nil when the issuer has no such key; ErrUnavailable when that cannot be known.
func (k *Keys) Find(kid string) (*Key, error) {
	key, isCertain := k.held(kid)
	if key == nil {
		k.Refresh(keysRetry)
		key, isCertain = k.held(kid)
	}
	if !isCertain {
		return nil, ErrUnavailable
	}
	return key, nil
}

func (k *Keys) held(kid string) (*Key, bool) {
	k.lock.RLock()
	defer k.lock.RUnlock()
	key := k.byKid[kid]
	return key, time.Since(k.fetchedAt) <= keysUsable && (key != nil || !k.lastFailed)
}

// Refresh fetches the keys unless that was tried not so long ago.
func (k *Keys) Refresh(every time.Duration) {
	k.asking.Lock()
	defer k.asking.Unlock()
	if time.Since(k.askedAt) < every {
		return
	}
	k.askedAt = time.Now()
	body, _, err := fetch(k.url, 1_000_000)
	var set struct{ Keys []jwk }
	if err == nil {
		err = json.Unmarshal(body, &set)
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	k.lastFailed = err != nil
	if err != nil { // what is held goes on to verify
		log.Printf("the keys could not be fetched: %v", err)
		return
	}
	k.byKid = map[string]*Key{}
	for _, one := range set.Keys {
		if public := one.public(); public != nil && one.Kid != "" && one.Use == "sig" {
			k.byKid[one.Kid] = &Key{Alg: one.Alg, public: public}
		}
	}
	k.fetchedAt = k.askedAt
}

type jwk struct {
	Kty, Crv, Kid, Alg, Use string
	N, E, X, Y              string
}

// public answers nil for a key that no algorithm of ours is for.
func (j jwk) public() interface{} {
	switch {
	case j.Alg == "ES256" && j.Kty == "EC" && j.Crv == "P-256":
		key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(j.X), Y: number(j.Y)}
		if !key.Curve.IsOnCurve(key.X, key.Y) {
			return nil
		}
		return key
	case j.Alg == "EdDSA" && j.Kty == "OKP" && j.Crv == "Ed25519":
		bytes, err := base64.RawURLEncoding.DecodeString(j.X)
		if err != nil || len(bytes) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(bytes)
	case (j.Alg == "RS256" || j.Alg == "PS256") && j.Kty == "RSA":
		key := &rsa.PublicKey{N: number(j.N), E: int(number(j.E).Int64())}
		if key.N.BitLen() < 2048 || key.E < 3 {
			return nil
		}
		return key
	}
	return nil
}

func number(text string) *big.Int {
	bytes, _ := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(bytes)
}
