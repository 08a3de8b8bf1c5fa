package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type contextKey struct{}

// BearerAuth lets pass who was granted the scope; below it the request's context has the *Claims. RFC 6750 §3.
func BearerAuth(guard *Guard, scope string, metadataURL string, next http.Handler) http.Handler {
	challenge := fmt.Sprintf(`Bearer scope="%s", resource_metadata="%s"`, scope, metadataURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims, err := guard.Check(strings.TrimSpace(token), scope)
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, claims)))
		case errors.Is(err, ErrUnavailable):
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		case errors.Is(err, ErrInsufficientScope):
			w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope"`)
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func answer(w http.ResponseWriter, document interface{}) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(document); err != nil {
		log.Print(err)
	}
}

// ISSUER, RESOURCE, PORT and WHEN_STALE in the environment.
func main() {
	issuer, resource, scope := os.Getenv("ISSUER"), os.Getenv("RESOURCE"), "mcp:read"
	metadata, err := url.Parse(resource)
	if err != nil {
		log.Fatal(err)
	}
	metadata.Path = "/.well-known/oauth-protected-resource" + strings.TrimSuffix(metadata.Path, "/")

	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := r.Context().Value(contextKey{}).(*Claims)
		answer(w, map[string]string{"subject": claims.Subject})
	})
	guard := NewGuard(issuer, resource)
	guard.UnavailableWhenStale = os.Getenv("WHEN_STALE") == "unavailable"
	http.Handle("/", BearerAuth(guard, scope, metadata.String(), notes))
	http.HandleFunc(metadata.Path, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]interface{}{
			"resource": resource, "authorization_servers": []string{issuer}, "scopes_supported": []string{scope},
		})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
