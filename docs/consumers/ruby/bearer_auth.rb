require_relative "guard"

# Rack middleware: env["access_token"] has the claims, or the request ends here (RFC 6750 §3).
#
#   use BearerAuth, guard: Guard.new(issuer: ..., resource: ...), resource: ..., scope: "mcp:read"
class BearerAuth
  def initialize(app, guard:, resource:, scope:)
    @app, @guard, @scope = app, guard, scope
    uri = URI(resource)
    @metadata_path = "/.well-known/oauth-protected-resource#{uri.path.chomp('/')}"
    @challenge = %(Bearer scope="#{scope}", resource_metadata="#{URI.join(resource, @metadata_path)}")
  end

  attr_reader :metadata_path

  def call(env)
    scheme, token = env["HTTP_AUTHORIZATION"].to_s.split(" ", 2)
    return refuse(401, @challenge) unless scheme.to_s.casecmp?("bearer")

    env["access_token"] = @guard.check(token.to_s.strip, @scope)
    @app.call(env)
  rescue Guard::BadToken
    refuse(401, %(#{@challenge}, error="invalid_token"))
  rescue Guard::InsufficientScope
    refuse(403, %(#{@challenge}, error="insufficient_scope"))
  rescue Guard::Unavailable
    [503, { "retry-after" => "5" }, []]
  end

  private

  def refuse(status, challenge)
    [status, { "www-authenticate" => challenge }, []]
  end
end
