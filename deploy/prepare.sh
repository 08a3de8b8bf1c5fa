#!/bin/sh
# Runs before everything else, at each start: makes what is missing and changes nothing that is there. Secrets (of the
# keys, of Redis), the users of Redis, the first keys, the first person who can sign in.
set -eu
umask 077
secrets=${SECRETS_DIR:-/run/guardmint}
redis_users=${REDIS_USERS_DIR:-/run/redis}
redis_address=${REDIS_ADDRESS:-redis:6379}
users=${GUARDMINT_USERS_FILE:-$GUARDMINT_DATA_DIR/users.json}
template=$(dirname "$0")/users.acl

# A file is there whole, or not at all.
write() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

# 32 bytes in base64url.
secret() {
  head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'
}

[ -s "$secrets/keys-secret" ] || secret | write "$secrets/keys-secret"
[ -s "$secrets/redis-password" ] || secret | write "$secrets/redis-password"
password=$(cat "$secrets/redis-password")
printf 'redis://guardmint:%s@%s/0\n' "$password" "$redis_address" | write "$secrets/redis-url"

# Redis runs as another user and needs only the hash.
hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
sed "s/PASSWORD_SHA256/$hash/" "$template" | write "$redis_users/users.acl"
chmod 755 "$redis_users"
chmod 644 "$redis_users/users.acl"

guardmint keys init
guardmint keys check
[ -s "$users" ] || guardmint users add admin --generate
