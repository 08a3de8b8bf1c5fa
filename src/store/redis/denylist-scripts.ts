import { createScript } from './commands.ts';

/**
 * The rule of strengthenEntry. KEYS: denied, watermarks, feed. ARGV: clock, kind, id, lifetime, issuedBefore or empty
 * text, how long keys are kept past their end, longest feed, greatest age of the feed in seconds. Answers the end, for
 * a watermark the moment, and now. The last EXPIRE is a write on every path, for WAIT to wait for.
 */
export const DENY = createScript(`
local kind, member, lifetime, kept = ARGV[2], ARGV[2] .. ':' .. ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[6])
local standing = tonumber(redis.call('ZSCORE', KEYS[1], member) or 0)
local live = standing > now
local ends = now + lifetime
if live then ends = math.max(ends, standing) end
local changed = not live or ends ~= standing

local mark = ''
if kind == 'subject' or kind == 'client' or kind == 'all' then
  mark = tonumber(ARGV[5]) or now
  local before = live and tonumber(redis.call('HGET', KEYS[2], member) or '')
  if before then mark = math.max(mark, before) end
  changed = changed or mark ~= before
  redis.call('HSET', KEYS[2], member, mark)
end
redis.call('ZADD', KEYS[1], ends, member)
if changed then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'm', member)
  -- The ids of the feed come from the clock of Redis, whatever now is.
  redis.call('XTRIM', KEYS[3], 'MINID', '~', string.format('%.0f', (tonumber(clock[1]) - tonumber(ARGV[8])) * 1000))
end
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - kept, 'LIMIT', 0, 100)
if #over > 0 then
  redis.call('ZREM', KEYS[1], unpack(over))
  redis.call('HDEL', KEYS[2], unpack(over))
end
local ttl = math.max(redis.call('TTL', KEYS[1]), ends - now + kept)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ttl) end
return {tostring(ends), tostring(mark), now}
`);

/** Forgets what is over. KEYS: denied, watermarks. ARGV: clock, how long keys are kept past their end. */
export const FORGET = createScript(`
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]), 'LIMIT', 0, 1000)
if #over > 0 then
  redis.call('ZREM', KEYS[1], unpack(over))
  redis.call('HDEL', KEYS[2], unpack(over))
end
return #over
`);

/** What stands of some members. KEYS: denied, watermarks. ARGV: clock, members. Answers member, end, mark of the live ones. */
export const MATCH = createScript(`
local found = {}
for index = 2, #ARGV do
  local ends = redis.call('ZSCORE', KEYS[1], ARGV[index])
  if ends and tonumber(ends) > now then
    table.insert(found, {ARGV[index], ends, redis.call('HGET', KEYS[2], ARGV[index]) or ''})
  end
end
return found
`);

/** One page of all members. KEYS: denied, watermarks. ARGV: clock, cursor, size. Answers the next cursor and live members. */
export const PAGE = createScript(`
local page = redis.call('ZSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local found = {}
for index = 1, #page[2], 2 do
  local member, ends = page[2][index], page[2][index + 1]
  if tonumber(ends) > now then
    table.insert(found, {member, ends, redis.call('HGET', KEYS[2], member) or ''})
  end
end
return {page[1], found}
`);

// The replication id changes whenever another server, or a restarted one, has become the master.
const POSITION = `
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
local head, first, trimmed = '0-0', '', 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  local described, stream = redis.call('XINFO', 'STREAM', KEYS[1]), {}
  for index = 1, #described, 2 do stream[described[index]] = described[index + 1] end
  head = stream['last-generated-id']
  if stream['first-entry'] then first = stream['first-entry'][1] end
  if stream['entries-added'] ~= stream['length'] then trimmed = 1 end
end
`;

/** Where the feed stands. KEYS: feed. ARGV: clock. Answers the replication id and the last id. */
export const HEAD = createScript(`${POSITION}
return {replid, head}
`);

/**
 * What came after a position. KEYS: feed, denied, watermarks. ARGV: clock, id, at most how many. Answers the replication
 * id, the last and the first id, whether entries were ever trimmed, how many were read, the last id read, and the members.
 */
export const AFTER = createScript(`${POSITION}
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[2], '+', 'COUNT', ARGV[3])
local reached, seen, found = ARGV[2], {}, {}
for _, entry in ipairs(entries) do
  reached = entry[1]
  local member = entry[2][2]
  if not seen[member] then
    seen[member] = true
    local ends = redis.call('ZSCORE', KEYS[2], member)
    if ends and tonumber(ends) > now then
      table.insert(found, {member, ends, redis.call('HGET', KEYS[3], member) or ''})
    end
  end
end
return {replid, head, first, trimmed, #entries, reached, found}
`);
