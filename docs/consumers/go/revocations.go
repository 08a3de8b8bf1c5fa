package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"sync"
)

// RevocationDocument: docs/tokens.md#revocation-document.
type RevocationDocument struct {
	Issuer    string      `json:"iss"`
	IssuedAt  float64     `json:"iat"`
	ExpiresAt float64     `json:"exp"`
	AskAgain  float64     `json:"ttl"`
	Epoch     string      `json:"epoch"`
	Sequence  string      `json:"seq"`
	Previous  string      `json:"prev"`
	Salt      string      `json:"salt"`
	IDs       []deniedID  `json:"jti"`
	Grants    []deniedID  `json:"grant"`
	Keys      []deniedID  `json:"key"`
	Subjects  []watermark `json:"sub"`
	Clients   []watermark `json:"client"`
	All       []watermark `json:"all"`
}

type deniedID struct {
	id    string
	until float64
}

// watermark denies what was issued at or before a moment, to whom the hash is of; without one, to anybody.
type watermark struct {
	hash          string
	issued, until float64
}

func (d *deniedID) UnmarshalJSON(bytes []byte) error {
	return row(bytes, &d.id, &d.until)
}

func (w *watermark) UnmarshalJSON(bytes []byte) error {
	if row(bytes, &w.hash, &w.issued, &w.until) == nil {
		return nil
	}
	w.hash = ""
	return row(bytes, &w.issued, &w.until)
}

// row reads the first cells of a list. A later version may have more of them.
func row(bytes []byte, cells ...interface{}) error {
	var found []json.RawMessage
	if err := json.Unmarshal(bytes, &found); err != nil {
		return err
	}
	if len(found) < len(cells) {
		return errors.New("a row is too short")
	}
	for index, cell := range cells {
		if err := json.Unmarshal(found[index], cell); err != nil {
			return err
		}
	}
	return nil
}

// Revocations is what the issuer has revoked. Entries are added, and go when they have ended.
type Revocations struct {
	lock            sync.RWMutex
	ids             map[[2]string]float64   // kind and id
	marks           map[[3]string]watermark // kind, salt and hash
	all             watermark
	epoch, sequence string
	heardAt         float64
}

func newRevocations() *Revocations {
	return &Revocations{ids: map[[2]string]float64{}, marks: map[[3]string]watermark{}}
}

func (r *Revocations) Add(document *RevocationDocument) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for kind, rows := range map[string][]deniedID{"jti": document.IDs, "grant": document.Grants, "key": document.Keys} {
		for _, row := range rows {
			name := [2]string{kind, row.id}
			r.ids[name] = math.Max(r.ids[name], row.until)
		}
	}
	for kind, rows := range map[string][]watermark{"sub": document.Subjects, "client": document.Clients} {
		for _, row := range rows {
			name := [3]string{kind, document.Salt, row.hash}
			r.marks[name] = strongest(r.marks[name], row)
		}
	}
	for _, row := range document.All {
		r.all = strongest(r.all, row)
	}
	for name, until := range r.ids {
		if until <= now() {
			delete(r.ids, name)
		}
	}
	for name, mark := range r.marks {
		if mark.until <= now() {
			delete(r.marks, name)
		}
	}
	r.epoch, r.sequence, r.heardAt = document.Epoch, document.Sequence, math.Max(r.heardAt, document.IssuedAt)
}

func strongest(one, other watermark) watermark {
	return watermark{issued: math.Max(one.issued, other.issued), until: math.Max(one.until, other.until)}
}

func (r *Revocations) DeniesKey(kid string) bool {
	r.lock.RLock()
	defer r.lock.RUnlock()
	return r.ids[[2]string{"key", kid}] > now()
}

func (r *Revocations) Denies(claims *Claims, kid string) bool {
	if r.DeniesKey(kid) {
		return true
	}
	r.lock.RLock()
	defer r.lock.RUnlock()
	if r.ids[[2]string{"jti", claims.ID}] > now() || r.ids[[2]string{"grant", claims.GrantID}] > now() {
		return true
	}
	reaches := func(mark watermark) bool { return mark.until > now() && claims.IssuedAt <= mark.issued }
	if reaches(r.all) {
		return true
	}
	client := sha256.Sum256([]byte(claims.ClientID))
	ids := map[string]string{"sub": claims.Subject, "client": base64.RawURLEncoding.EncodeToString(client[:])}
	// Usually one salt: another epoch of the issuer brings another one.
	hashes := map[[2]string]string{}
	for name, mark := range r.marks {
		kind, salt := name[0], name[1]
		hash, known := hashes[[2]string{kind, salt}]
		if !known {
			hash = keyedHash(salt, ids[kind])
			hashes[[2]string{kind, salt}] = hash
		}
		if name[2] == hash && reaches(mark) {
			return true
		}
	}
	return false
}

func keyedHash(salt, id string) string {
	key, _ := base64.RawURLEncoding.DecodeString(salt)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

func (r *Revocations) Position() (string, string) {
	r.lock.RLock()
	defer r.lock.RUnlock()
	return r.epoch, r.sequence
}

// Restart makes the next document hold everything. What is known stays.
func (r *Revocations) Restart() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.epoch, r.sequence = "", ""
}

func (r *Revocations) HeardAt() float64 {
	r.lock.RLock()
	defer r.lock.RUnlock()
	return r.heardAt
}
