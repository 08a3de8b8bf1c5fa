# A Rack app behind the guard, on WEBrick: ISSUER, RESOURCE, PORT and WHEN_STALE in the environment.
require "webrick"
require_relative "bearer_auth"

issuer, resource, scope = ENV.fetch("ISSUER"), ENV.fetch("RESOURCE"), "mcp:read"
notes = ->(env) { [200, { "content-type" => "application/json" }, [{ subject: env["access_token"]["sub"] }.to_json]] }
guard = Guard.new(issuer: issuer, resource: resource, when_stale: ENV.fetch("WHEN_STALE", "accept").to_sym)
app = BearerAuth.new(notes, guard: guard, resource: resource, scope: scope)

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ENV.fetch("PORT").to_i, AccessLog: [])
server.mount_proc("/") do |request, response|
  response.status, headers, body = app.call({ "HTTP_AUTHORIZATION" => request["authorization"] })
  headers.each { |name, value| response[name] = value }
  response.body = body.join
end
server.mount_proc(app.metadata_path) do |_, response|
  response["content-type"] = "application/json"
  response.body = { resource: resource, authorization_servers: [issuer], scopes_supported: [scope] }.to_json
end
trap("TERM") { server.shutdown }
server.start
