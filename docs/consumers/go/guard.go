// Package main: a guard that validates the access tokens of a guardmint issuer offline, and what the issuer has revoked.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

const (
	clockTolerance   = 5 // seconds
	keysFresh        = 5 * time.Minute
	keysUsable       = 24 * time.Hour   // while the issuer is away
	keysRetry        = 10 * time.Second // an unknown kid asks for them at most so often
	revocationsStale = 60               // seconds without news
)

// BadToken: 401. ErrUnavailable: 503, since nobody can know now, and the token may be good.
var (
	ErrBadToken          = errors.New("the token is none of ours, has ended, or was revoked")
	ErrInsufficientScope = errors.New("a good token without the scope")
	ErrUnavailable       = errors.New("it cannot be known now")
)

var client = &http.Client{Timeout: 5 * time.Second}

// Claims of an access token (RFC 9068 §2.2).
type Claims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  string          `json:"aud"`
	ClientID  string          `json:"client_id"`
	ID        string          `json:"jti"`
	GrantID   string          `json:"gid"`
	Scope     string          `json:"scope"`
	IssuedAt  float64         `json:"iat"`
	ExpiresAt float64         `json:"exp"`
	NotBefore float64         `json:"nbf"`
	Bound     json.RawMessage `json:"cnf"`
}

// Guard answers the claims of good tokens. A goroutine keeps keys and revocations up to date.
type Guard struct {
	Issuer, Resource     string
	UnavailableWhenStale bool

	lock           sync.RWMutex
	keys           *Keys
	revocationsURL string
	revocations    *Revocations
	started        chan struct{}
}

func NewGuard(issuer, resource string) *Guard {
	guard := &Guard{Issuer: issuer, Resource: resource, revocations: newRevocations(), started: make(chan struct{})}
	go guard.keepUp()
	return guard
}

func (g *Guard) Check(token, scope string) (*Claims, error) {
	<-g.started // the first tokens wait for the first answers of the issuer
	if g.keySet() == nil {
		return nil, ErrUnavailable
	}
	if g.UnavailableWhenStale && now()-g.revocations.HeardAt() > revocationsStale {
		return nil, ErrUnavailable
	}
	claims := &Claims{}
	kid, err := g.open(token, claims, "at+jwt", "application/at+jwt")
	if err != nil {
		return nil, err
	}
	if !g.isForUs(claims) || g.revocations.Denies(claims, kid) {
		return nil, ErrBadToken
	}
	for _, granted := range strings.Fields(claims.Scope) {
		if granted == scope {
			return claims, nil
		}
	}
	return nil, ErrInsufficientScope
}

func (g *Guard) isForUs(claims *Claims) bool {
	for _, text := range []string{claims.Subject, claims.ClientID, claims.ID} {
		if text == "" {
			return false
		}
	}
	begins := claims.IssuedAt
	if claims.NotBefore > begins {
		begins = claims.NotBefore
	}
	// A token with cnf is bound to a key (DPoP), and no Bearer token.
	return claims.Issuer == g.Issuer && claims.Audience == g.Resource && claims.IssuedAt > 0 &&
		claims.ExpiresAt+clockTolerance >= now() && begins-clockTolerance <= now() && claims.Bound == nil
}

// open reads what a key of the issuer signed. The type keeps its other documents from standing in for a token.
func (g *Guard) open(token string, claims interface{}, types ...string) (string, error) {
	segments := strings.Split(token, ".")
	var header struct {
		Alg, Kid, Typ string
		Crit          json.RawMessage
	}
	if len(segments) != 3 || decodeJSON(segments[0], &header) != nil || header.Crit != nil || header.Kid == "" {
		return "", ErrBadToken
	}
	isOfType := false
	for _, typ := range types {
		isOfType = isOfType || strings.EqualFold(header.Typ, typ)
	}
	if !isOfType || g.revocations.DeniesKey(header.Kid) {
		return "", ErrBadToken
	}
	key, err := g.keySet().Find(header.Kid)
	if err != nil {
		return "", err
	}
	if key == nil || key.Alg != header.Alg {
		return "", ErrBadToken
	}
	// Times and names are checked by us, for tokens and documents alike.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{key.Alg}), jwt.WithoutClaimsValidation())
	publicKey := func(*jwt.Token) (interface{}, error) { return key.public, nil }
	if _, err := parser.Parse(token, publicKey); err != nil {
		return "", ErrBadToken
	}
	if decodeJSON(segments[1], claims) != nil {
		return "", ErrBadToken
	}
	return header.Kid, nil
}

func (g *Guard) keepUp() {
	var once sync.Once
	for {
		wait, err := g.keepUpOnce()
		if err != nil { // all that is known stays
			log.Printf("the issuer could not be asked: %v", err)
			wait = 5 * time.Second
		}
		once.Do(func() { close(g.started) })
		time.Sleep(wait)
	}
}

func (g *Guard) keepUpOnce() (time.Duration, error) {
	if g.keySet() == nil {
		if err := g.discover(); err != nil {
			return 0, err
		}
	}
	g.keySet().Refresh(keysFresh)
	if g.revocationsURL == "" {
		return keysFresh, nil
	}
	return g.hear()
}

func (g *Guard) discover() error {
	place, err := url.Parse(g.Issuer)
	if err != nil {
		return err
	}
	place.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(place.Path, "/")
	body, _, err := fetch(place.String(), 1_000_000)
	if err != nil {
		return err
	}
	var metadata struct {
		Issuer      string `json:"issuer"`
		Keys        string `json:"jwks_uri"`
		Revocations string `json:"revocation_list_endpoint"`
	}
	if err := json.Unmarshal(body, &metadata); err != nil || metadata.Issuer != g.Issuer {
		return errors.New("the metadata is of another issuer")
	}
	g.lock.Lock()
	defer g.lock.Unlock()
	g.revocationsURL = metadata.Revocations
	g.keys = &Keys{url: metadata.Keys, lastFailed: true}
	return nil
}

// hear asks what was revoked since the last answer, and answers when to ask again.
func (g *Guard) hear() (time.Duration, error) {
	place := g.revocationsURL
	epoch, sequence := g.revocations.Position()
	if epoch != "" {
		place += "?" + url.Values{"since": {epoch + "." + sequence}}.Encode()
	}
	body, status, err := fetch(place, 64_000_000)
	if status == http.StatusGone { // too long away: everything is read again
		g.revocations.Restart()
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	document := &RevocationDocument{}
	if _, err := g.open(string(body), document, "revocations+jwt"); err != nil {
		return 0, err
	}
	if document.Issuer != g.Issuer || document.ExpiresAt+clockTolerance < now() || document.IssuedAt-clockTolerance > now() {
		return 0, errors.New("the revocation document does not stand now")
	}
	if document.Previous != "" && (document.Epoch != epoch || document.Previous != sequence) {
		g.revocations.Restart()
		return 0, nil
	}
	g.revocations.Add(document)
	return time.Duration(document.AskAgain) * time.Second, nil
}

func (g *Guard) keySet() *Keys {
	g.lock.RLock()
	defer g.lock.RUnlock()
	return g.keys
}

func fetch(place string, limit int64) ([]byte, int, error) {
	answer, err := client.Get(place)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d", place, answer.StatusCode)
	}
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("%s answered more than %d bytes", place, limit)
	}
	return body, answer.StatusCode, err
}

func decodeJSON(segment string, value interface{}) error {
	bytes, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes, value)
}

func now() float64 {
	return float64(time.Now().Unix())
}
