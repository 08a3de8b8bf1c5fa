# Validates the access tokens of a guardmint issuer offline, and what the issuer has revoked. Needs the gem jwt.
require "base64"
require "digest"
require "json"
require "jwt"
require "net/http"
require "openssl"
require "uri"

class Guard
  ALGORITHMS = %w[ES256 EdDSA RS256 PS256].freeze
  CLOCK_TOLERANCE = 5 # seconds, as all below
  KEYS_FRESH = 300 # then they are asked for again, in the background
  KEYS_USABLE = 86_400 # for that long they serve while the issuer is away
  KEYS_RETRY = 10 # an unknown kid asks for them at most so often
  REVOCATIONS_STALE = 60 # no news for that long: see when_stale

  class BadToken < StandardError; end # 401: it is none of ours, has ended, or was revoked
  class InsufficientScope < StandardError; end # 403: a good token without the scope
  class Unavailable < StandardError; end # 503: nobody can know now; the token may be good, so it is never called bad
  class Gone < StandardError; end

  # check(token, scope) answers the claims of a good token. A thread keeps keys and revocations up to date.
  def initialize(issuer:, resource:, when_stale: :accept)
    @issuer, @resource, @when_stale = issuer, resource, when_stale
    @revocations = Revocations.new
    @started = Queue.new
    @thread = Thread.new { keep_up }
  end

  def check(token, scope)
    @started.pop unless @started.closed? # the first tokens wait for the first answers of the issuer
    raise Unavailable, "metadata" if @keys.nil?
    raise Unavailable, "revocations" if @when_stale == :unavailable && Time.now.to_i - @revocations.heard_at > REVOCATIONS_STALE

    claims, kid = open(token, %w[at+jwt application/at+jwt])
    check_claims(claims)
    raise BadToken, "revoked" if @revocations.denies?(claims, kid)
    raise InsufficientScope, scope unless claims.fetch("scope", "").split.include?(scope)

    claims
  end

  private

  # The claims under a signature of the issuer, and the kid. `typ` keeps its other documents from standing in.
  def open(token, types)
    header = JSON.parse(Base64.urlsafe_decode64(token.split(".").first.to_s))
    kid, typ, alg = header.values_at("kid", "typ", "alg")
    raise BadToken, "header" if !types.include?(typ.to_s.downcase) || header.key?("crit") || !kid.is_a?(String)

    key = @keys.find(kid)
    raise BadToken, "key" if key.nil? || @revocations.denies_key?(kid) || alg != key.fetch("alg")

    # Times and names are checked below, for tokens and documents alike.
    only_signature = { algorithms: [key["alg"]], verify_expiration: false, verify_not_before: false }
    claims, = JWT.decode(token, JWT::JWK.import(key).keypair, true, only_signature)
    [claims, kid]
  rescue JWT::DecodeError, JSON::ParserError, ArgumentError, KeyError, TypeError, NoMethodError, OpenSSL::OpenSSLError
    raise BadToken, "malformed"
  end

  def check_claims(claims)
    now = Time.now.to_i
    texts = claims.values_at("iss", "sub", "client_id", "jti")
    moments = [claims["iat"], claims["exp"], claims.fetch("nbf", 0)]
    optional = [claims.fetch("scope", ""), claims.fetch("gid", "")]
    sound = texts.all? { |text| text.is_a?(String) && !text.empty? } && optional.all?(String) && moments.all?(Numeric)
    raise BadToken, "claims" unless sound
    raise BadToken, "for somebody else" if claims["iss"] != @issuer || claims["aud"] != @resource
    raise BadToken, "not now" if claims["exp"] + CLOCK_TOLERANCE < now
    raise BadToken, "not now" if [claims["iat"], claims.fetch("nbf", 0)].max - CLOCK_TOLERANCE > now
    raise BadToken, "bound" if claims.key?("cnf") # to a key (DPoP): no Bearer token
  end

  def keep_up
    loop do
      wait = begin
        keep_up_once
      rescue StandardError => e # all that is known stays
        warn "the issuer could not be asked: #{e.message}"
        5
      end
      @started.close
      sleep wait
    end
  end

  def keep_up_once
    discover if @keys.nil?
    @keys.refresh(KEYS_FRESH)
    @revocations_uri.nil? ? KEYS_FRESH : hear
  end

  def discover
    uri = URI(@issuer)
    uri.path = "/.well-known/oauth-authorization-server#{uri.path.chomp('/')}"
    metadata = JSON.parse(Guard.fetch(uri))
    raise "the metadata is of another issuer" if metadata["issuer"] != @issuer

    @revocations_uri = metadata["revocation_list_endpoint"]
    @keys = Keys.new(metadata.fetch("jwks_uri"))
  end

  # Asks what was revoked since the last answer. Answers when to ask again, in seconds.
  def hear
    position = @revocations.position
    uri = URI(@revocations_uri)
    uri.query = URI.encode_www_form(since: position.join(".")) unless position.nil?
    claims, = open(Guard.fetch(uri), %w[revocations+jwt])
    now = Time.now.to_i
    if claims["iss"] != @issuer || claims["exp"] + CLOCK_TOLERANCE < now || claims["iat"] - CLOCK_TOLERANCE > now
      raise "the revocation document does not stand now"
    end
    raise Gone if claims.key?("prev") && position != claims.values_at("epoch", "prev")

    @revocations.add(claims)
    claims["ttl"]
  rescue Gone # something was missed: everything is read again
    @revocations.position = nil
    0
  end

  def self.fetch(uri)
    uri = URI(uri)
    http = Net::HTTP.new(uri.host, uri.port)
    http.use_ssl = uri.scheme == "https"
    http.open_timeout = http.read_timeout = 5
    answer = http.request_get(uri.request_uri)
    raise Gone if answer.code == "410"
    raise "#{uri} answered #{answer.code}" if answer.code != "200"

    answer.body
  end

  # The JWK Set of the issuer. Keys are added and dropped by the issuer at any time.
  class Keys
    def initialize(uri)
      @uri, @by_kid, @asked_at, @fetched_at, @last_failed = uri, {}, -Float::INFINITY, -Float::INFINITY, true
      @lock = Mutex.new
    end

    # The key, or nil when the issuer has no such key. Raises Unavailable when that cannot be known.
    def find(kid)
      refresh(KEYS_RETRY) unless @by_kid.key?(kid)
      key = @by_kid[kid]
      raise Unavailable, "keys" if now - @fetched_at > KEYS_USABLE || (key.nil? && @last_failed)

      key
    end

    def refresh(every)
      @lock.synchronize do
        return if now - @asked_at < every

        @asked_at = now
        keys = JSON.parse(Guard.fetch(@uri)).fetch("keys")
        usable = keys.select { |key| ALGORITHMS.include?(key["alg"]) && key["use"] == "sig" }
        @by_kid = usable.to_h { |key| [key.fetch("kid"), key] }
        @fetched_at, @last_failed = @asked_at, false
      rescue StandardError => e # what is held goes on to verify
        @last_failed = true
        warn "the keys could not be fetched: #{e.message}"
      end
    end

    private

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end

  # What the issuer has revoked (docs/tokens.md#revocation-document). Entries are added, and go when they have ended.
  class Revocations
    attr_accessor :position
    attr_reader :heard_at

    def initialize
      @ids = { "jti" => {}, "grant" => {}, "key" => {} }
      @marks = {} # [kind, salt, hash] => [issued at or before, until]
      @all = [0, 0]
      @heard_at = 0
    end

    # Everything is replaced, never changed, so that whoever reads meanwhile reads one state.
    def add(claims)
      now = Time.now.to_i
      ids = @ids.to_h { |kind, known| [kind, known.merge(claims[kind].to_h { |id, ends| [id, ends] }) { |_, a, b| [a, b].max }] }
      marks = @marks.dup
      %w[sub client].each do |kind|
        claims[kind].each do |hash, issued, ends|
          mark = [kind, claims["salt"], hash]
          marks[mark] = marks.fetch(mark, [0, 0]).zip([issued, ends]).map(&:max)
        end
      end
      @all = claims["all"].reduce(@all) { |all, (issued, ends)| all.zip([issued, ends]).map(&:max) }
      @ids = ids.transform_values { |known| known.select { |_, ends| ends > now } }
      @marks = marks.select { |_, (_, ends)| ends > now }
      @position = claims.values_at("epoch", "seq")
      @heard_at = [@heard_at, claims["iat"]].max
    end

    def denies_key?(kid)
      @ids["key"].fetch(kid, 0) > Time.now.to_i
    end

    def denies?(claims, kid)
      now = Time.now.to_i
      return true if denies_key?(kid)
      return true if @ids["jti"].fetch(claims["jti"], 0) > now || @ids["grant"].fetch(claims["gid"], 0) > now

      marks = @marks
      ids = { "sub" => claims["sub"], "client" => base64url(Digest::SHA256.digest(claims["client_id"])) }
      salts = marks.keys.map { |_, salt, _| salt }.uniq
      found = salts.product(ids.to_a).map { |salt, (kind, id)| marks.fetch([kind, salt, hash(salt, id)], [0, 0]) }
      [@all, *found].any? { |issued, ends| ends > now && claims["iat"] <= issued }
    end

    private

    def hash(salt, id)
      base64url(OpenSSL::HMAC.digest("SHA256", Base64.urlsafe_decode64(salt), id)[0, 16])
    end

    def base64url(bytes)
      Base64.urlsafe_encode64(bytes, padding: false)
    end
  end
end
