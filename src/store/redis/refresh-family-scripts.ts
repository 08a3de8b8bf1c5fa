import { createScript } from './commands.ts';

/**
 * Spends a code and begins its family. KEYS: marker, family. ARGV: clock, end of the code, absolute lifetime, how long
 * keys are kept past their end, fields and values. A tombstone past its end stands in nobody's way.
 */
export const BEGIN = createScript(`
local ends, lifetime, kept = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if ends <= now then return {'again', now} end
local standing = redis.call('HMGET', KEYS[2], 'n', 'e')
if standing[1] or tonumber(standing[2] or 0) > now or redis.call('EXISTS', KEYS[1]) == 1 then return {'again', now} end
redis.call('SET', KEYS[1], '', 'EX', ends - now + kept)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'g', 0, 'b', now, 'u', now, 'e', now + lifetime, unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[2], lifetime + kept)
return {'first', now}
`);

/**
 * The decision of decideRotation and what follows from it. KEYS: family. ARGV: clock, presented generation, presented
 * nonce hash, rotates (0 or 1), replay window, burst window, reuse, idle lifetime, key id.
 */
export const ROTATE = createScript(`
local presented, nonce, rotates = tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local replayWindow, burstWindow = tonumber(ARGV[5]), tonumber(ARGV[6])
local reuse, idleLifetime, keyId = ARGV[7], tonumber(ARGV[8]), ARGV[9]

local family = redis.call('HMGET', KEYS[1], 'n', 'x', 'e', 'u', 'g')
if family[1] ~= nonce then return {'unknown', now} end
if family[2] then return {'revoked', now, family[2]} end
local expiresAt, usedAt = tonumber(family[3]), tonumber(family[4])
if expiresAt <= now or usedAt + idleLifetime <= now then return {'expired', now} end
local behind = tonumber(family[5]) - presented

if behind <= 0 then
  local outcome = 'kept'
  if rotates then
    outcome = behind == 0 and 'rotated' or 'ahead'
    redis.call('HSET', KEYS[1], 'g', presented + 1, 'k', keyId, 'u', now)
  else
    redis.call('HSET', KEYS[1], 'g', presented, 'u', now)
  end
  return {outcome, now, redis.call('HGETALL', KEYS[1])}
end

local sinceRotation = now - usedAt
if behind == 1 and sinceRotation <= replayWindow then return {'replayed', now, redis.call('HGETALL', KEYS[1])} end
if sinceRotation <= burstWindow or reuse == 'reject' then return {'refused', now} end
redis.call('HSET', KEYS[1], 'x', now)
return {'reused', now}
`);

/**
 * Revokes a family, or keeps one from beginning. KEYS: family. ARGV: clock, lifetime of the tombstone, how long keys are
 * kept past their end. Answers whether this call did it, the family, and now.
 */
export const REVOKE = createScript(`
local lifetime, kept = tonumber(ARGV[2]), tonumber(ARGV[3])
local family = redis.call('HMGET', KEYS[1], 'n', 'x', 'e')
if family[1] then
  redis.call('HSET', KEYS[1], 'x', family[2] or now)
  return {family[2] and 0 or 1, redis.call('HGETALL', KEYS[1]), now}
end
local standing = tonumber(family[3] or 0)
local ends = math.max(standing, now + lifetime)
redis.call('HSET', KEYS[1], 'x', now, 'e', ends)
redis.call('EXPIRE', KEYS[1], ends - now + kept)
return {standing > now and 0 or 1, {}, now}
`);

/** Puts a family in an index. KEYS: index. ARGV: clock, family id, absolute lifetime, how long keys are kept past their end. */
export const INDEX = createScript(`
local lifetime, kept = tonumber(ARGV[3]), tonumber(ARGV[4])
-- Microseconds order what begins in one second.
redis.call('ZADD', KEYS[1], now + lifetime + tonumber(clock[2]) / 1000000, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - kept)
if redis.call('TTL', KEYS[1]) < lifetime + kept then redis.call('EXPIRE', KEYS[1], lifetime + kept) end
return 1
`);
